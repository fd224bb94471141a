#!/usr/bin/env python3
"""Tests of the lab itself: no emulator, no network, under two seconds. Run: python3 lab/test_lab.py"""
import io
import json
import os
import re
import struct
import sys
import tempfile
import unittest
import zlib
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True
LAB = Path(__file__).resolve().parent
sys.path.insert(0, str(LAB))

from kit import apt, cache, cases, cli, dumps, formats, forms, kernels, refilter, truth  # noqa: E402
from kit.arches import ARCHES  # noqa: E402
from kit.initrd import Initrd  # noqa: E402
from kit.say import LabError  # noqa: E402

SLUGS = """null-dereference null-call wild-pointer wild-call use-after-free double-free out-of-bounds-write bit-flip list-corruption
refcount-underflow double-rcu-callback freed-armed-timer freed-queued-work deadlock lock-held-too-long spinlock-lockup soft-lockup
hard-lockup rcu-stall hung-task stack-overflow stack-smash assertion divide-error write-to-read-only user-memory-access unloaded-module
invalid-instruction out-of-memory memory-leak race-cleared scheduling-while-atomic hardware-error deliberate unknown""".split()

SERIAL = """[    0.000000] Linux version 6.1.0-56-cloud-amd64 (builder) #1 SMP\r
[    3.7] lab: node 0xff191033820dd488\r
[    3.7] lab: id 60\r
[    3.7] lab: tasks 61\r
[    3.8] BUG: unable to handle page fault for address: ff191033820dd4a0\r
[    3.8] Kernel panic - not syncing: Fatal exception in interrupt\r
[    3.8] lab: tasks_at_panic 62\r
[    3.8] ---[ end Kernel panic - not syncing: Fatal exception in interrupt ]---\r
"""


class InCache(unittest.TestCase):
    """Gives each test a cache of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        environment = mock.patch.dict(os.environ, {"INQUEST_LAB": folder.name})
        environment.start()
        self.addCleanup(environment.stop)

    def kernel(self, complete=True):
        kernel = kernels.Kernel("6.1", ARCHES["x86_64"], "6.1.0-56-cloud-amd64", self.root / "6.1.0-56-cloud-amd64-x86_64", "gcc-12")
        if complete:
            kernels.mark_complete(kernel)
        return kernel

    def add_dump(self, kernel, case, form):
        folder = dumps.dump_folder(kernel, case, form)
        folder.mkdir(parents=True)
        for file in dumps.dump_files(folder, form):
            file.write_bytes(b"dump")
        facts = truth.truth_of(case, kernel, form, forms.BOOTS[form.boot], SERIAL, "lab", 2, [])
        (folder / "truth.json").write_text(json.dumps(facts))
        return folder


class CacheTest(InCache):
    def test_where_the_cache_is(self):
        self.assertEqual(cache.cache_root(), self.root)
        with mock.patch.dict(os.environ, {"INQUEST_LAB": "", "XDG_CACHE_HOME": "/x"}):
            self.assertEqual(cache.cache_root(), Path("/x/inquest-lab"))
        with mock.patch.dict(os.environ, {"INQUEST_LAB": "", "XDG_CACHE_HOME": "", "HOME": "/h"}):
            self.assertEqual(cache.cache_root(), Path("/h/.cache/inquest-lab"))

    def test_half_built_things_vanish(self):
        with self.assertRaises(ValueError):
            with cache.building(self.root / "part") as folder:
                (folder / "half").touch()
                raise ValueError
        self.assertEqual(list(self.root.iterdir()), [])

    def test_leftovers_of_a_dead_run_are_dropped(self):
        (self.root / "dumps" / ".building-work" / "deep").mkdir(parents=True)
        (self.root / "dumps" / ".building-file").touch()
        cache.drop_leftovers(self.root)
        self.assertEqual([path.name for path in self.root.glob("**/*")], ["dumps"])

    def test_a_rebuilt_thing_replaces_the_old_one(self):
        for text in ("old", "new"):
            with cache.building(self.root / "part") as folder:
                (folder / "file").write_text(text)
        self.assertEqual((self.root / "part" / "file").read_text(), "new")

    def test_incomplete_kernels_are_not_found(self):
        self.kernel(complete=False).folder.mkdir()
        self.assertIsNone(kernels.cached_kernel("6.1", ARCHES["x86_64"]))
        self.kernel()
        self.assertEqual(kernels.cached_kernel("6.1", ARCHES["x86_64"]).release, "6.1.0-56-cloud-amd64")
        self.assertIsNone(kernels.cached_kernel("6.12", ARCHES["x86_64"]))
        self.assertIsNone(kernels.cached_kernel("6.1", ARCHES["aarch64"]))


class ManifestTest(InCache):
    def test_lists_every_dump_with_its_truth(self):
        kernel, case = self.kernel(), cases.find_case("stid_race")
        self.add_dump(kernel, case, forms.FORMS["elf"])
        self.add_dump(kernel, case, forms.FORMS["split3"])
        listed = json.loads(json.dumps(cli.manifest()))
        self.assertEqual(listed["schema"], 1)
        self.assertEqual([dump["form"] for dump in listed["dumps"]], ["elf", "split3"])
        self.assertEqual([Path(file).name for file in listed["dumps"][1]["files"]], ["vmcore.1", "vmcore.2", "vmcore.3"])
        self.assertEqual(listed["dumps"][0]["truth"]["facts"]["id"], 60)
        self.assertTrue(listed["dumps"][0]["debug"].endswith("/6.1.0-56-cloud-amd64-x86_64/debug"))

    def test_leaves_out_what_is_incomplete_or_outdated(self):
        kernel, case = self.kernel(), cases.find_case("healthy")
        folder = self.add_dump(kernel, case, forms.FORMS["elf"])
        (kernel.folder / "dumps" / "healthy" / "elf-novmci").mkdir()
        facts = json.loads((folder / "truth.json").read_text())
        (folder / "truth.json").write_text(json.dumps({**facts, "fingerprint": "of another source"}))
        self.assertEqual(cli.manifest()["dumps"], [])


class CaseTest(unittest.TestCase):
    def test_every_case_is_whole(self):
        found = cases.all_cases()
        self.assertLessEqual({"stid_race", "null_member", "bug_on", "healthy"}, {case.name for case in found})
        for case in found:
            with self.subTest(case.name):
                self.assertEqual(len(list(case.folder.glob("*.c"))), 1)
                self.assertIn(case.cause, SLUGS)
                self.assertTrue(set(case.accepted) <= set(SLUGS) and case.cause in case.accepted)
                self.assertIn(case.ends, ("panic", "running"))
                self.assertTrue(case.log)
                for pattern in case.log:
                    re.compile(pattern)
                self.assertNotIn("'", case.trigger)  # the guest's configuration quotes it so
                source = (case.folder / f"{case.module}.c").read_text()
                self.assertIn("MODULE_LICENSE", source)
                self.assertIn('lab_number("tasks"', source)

    def test_the_casebook_has_answers(self):
        for case in cases.casebook():
            with self.subTest(case.name):
                source = (case.folder / f"{case.module}.c").read_text()
                self.assertTrue(set(case.arches) <= set(ARCHES) and set(case.check) <= set(case.arches))
                self.assertTrue(set(case.kernels) <= set(kernels.SERIES))
                self.assertTrue(set(case.object) <= {"type", "member", "cache"})
                self.assertTrue(set(case.guilty) <= {"functions", "module", "task"})
                for key, names in [*case.object.items(), *case.guilty.items()]:
                    self.assertIsInstance(names, str if key == "module" else list)
                self.assertEqual(bool(case.guilty_lines()), bool(case.guilty.get("functions")))
                if case.guilty.get("functions"):
                    self.assertTrue(any(name in source for name in case.guilty["functions"]))
                for name in case.object.get("member", []):
                    self.assertRegex(source, rf"\b{name}\b")
                for name in case.object.get("cache", []):
                    self.assertIn(f'kmem_cache_create("{name}"', source)
                for name in case.guilty.get("task", []):  # a program of the trigger or a thread of the module
                    self.assertRegex(case.trigger + source, rf"\b{re.escape(name)}\b")

    def test_no_two_cases_share_a_module(self):
        names = [case.module for case in cases.all_cases()]
        self.assertEqual(len(names), len(set(names)))

    def test_marks_do_not_make_a_dump_outdated(self):
        with tempfile.TemporaryDirectory() as name:
            case = cases.Case("x", Path(name), "", "unknown", ["unknown"], "panic")
            source = Path(name) / "driver.c"
            source.write_text("one();\n\ttwo();\n")
            before, boot = case.fingerprint(), case.boot_fingerprint()
            source.write_text("one();\n\ttwo(); /* guilty: twice */\n")
            self.assertEqual((case.fingerprint(), case.guilty_lines(), case.module), (before, ["driver.c:2"], "driver"))
            source.write_text("one();\n\tthree();\n")
            self.assertNotEqual(case.fingerprint(), before)
            self.assertNotEqual(cases.Case("x", Path(name), "", "unknown", [], "panic", arguments="quiet").boot_fingerprint(), boot)

    def test_an_unknown_case_is_one_clear_line(self):
        with self.assertRaisesRegex(LabError, "no case nonesuch: .*lab list"):
            cases.find_case("nonesuch")

    def test_sets_name_what_exists(self):
        for name in forms.SETS:
            for case_name, arch, form_names in forms.rows_of(name):
                with self.subTest(f"{name} {case_name} {arch}"):
                    cli.check_forms(cases.find_case(case_name), [forms.find_form(form, arch) for form in form_names])
        for form in forms.FORMS.values():
            self.assertIn(form.boot, forms.BOOTS)

    def test_forms_of_the_wrong_kind_are_refused(self):
        with self.assertRaisesRegex(LabError, "aarch64 only"):
            forms.find_form("elf-pac", "x86_64")
        with self.assertRaisesRegex(LabError, "does not crash"):
            cli.check_forms(cases.find_case("healthy"), [forms.FORMS["split3"]])


class TruthTest(unittest.TestCase):
    def test_facts_of_a_log(self):
        self.assertEqual(truth.facts_of(SERIAL), {"node": "0xff191033820dd488", "id": 60, "tasks": 61, "tasks_at_panic": 62})

    def test_truth_of_a_dump(self):
        kernel = kernels.Kernel("6.1", ARCHES["x86_64"], "R", Path("/nowhere"), "gcc-12")
        found = truth.truth_of(cases.find_case("stid_race"), kernel, forms.FORMS["kdump-lzo31"], forms.BOOTS["kdump"], SERIAL, "lab", 2, [])
        self.assertEqual((found["tasks"], found["tasks_exact"], found["paging_levels"], found["memory_bytes"]), (62, True, 4, 640 << 20))
        self.assertEqual(found["oops"], "BUG: unable to handle page fault for address: ff191033820dd4a0")
        self.assertEqual(found["panic"], "Kernel panic - not syncing: Fatal exception in interrupt")

    def test_the_crash_kernels_log_is_left_out(self):
        second = SERIAL + "[    0.000000] Linux version 6.1.0-56-cloud-amd64 again\r\n[    2.0] lab: vmcore_bytes 5\r\n"
        self.assertNotIn("vmcore_bytes", truth.facts_of(truth.first_boot(second)))

    def test_the_log_must_hold_what_the_case_expects_in_order(self):
        self.assertIsNone(truth.missing_from(SERIAL, ["lab: node", "BUG: .*fault"]))
        self.assertEqual(truth.missing_from(SERIAL, ["BUG: .*fault", "lab: node"]), "lab: node")


def kdump_header(level=31, status=2, split=0, block_size=4096):
    head = bytearray(3 * block_size)
    head[:8] = b"KDUMP   "
    struct.pack_into("<Ii", head, 424, status, block_size)
    struct.pack_into("<ii", head, block_size + 8, level, split)
    return bytes(head)


class FormatTest(unittest.TestCase):
    def identify(self, data):
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            return formats.identify(file.name)

    def test_kdump(self):
        self.assertEqual(self.identify(kdump_header()), {"container": "kdump", "compression": "lzo", "incomplete": False,
                                                        "block_size": 4096, "dump_level": 31, "split": False})

    def test_flattened_with_large_blocks(self):
        inner = kdump_header(level=1, status=1, block_size=65536)
        records = b"".join(struct.pack(">qq", at, 512) + inner[at:at + 512] for at in (0, 65536))
        found = self.identify(b"makedumpfile".ljust(4096, b"\0") + records + struct.pack(">qq", -1, -1))
        self.assertEqual((found["container"], found["compression"], found["dump_level"], found["block_size"]),
                         ("flattened", "zlib", 1, 65536))

    def test_elf_with_its_note(self):
        note = struct.pack("<III", 11, 4, 0) + b"VMCOREINFO\0\0" + b"text"
        head = bytearray(64 + 2 * 56)
        head[:4] = b"\x7fELF"
        struct.pack_into("<H", head, 18, 183)
        struct.pack_into("<Q", head, 32, 64)
        struct.pack_into("<HH", head, 54, 56, 2)
        struct.pack_into("<IIQQQQ", head, 64, 4, 0, len(head), 0, 0, len(note))
        struct.pack_into("<IIQQQQ", head, 120, 1, 0, 0, 0, 0, 0)
        self.assertEqual(self.identify(bytes(head) + note), {"container": "elf", "machine": "aarch64", "loads": 1, "vmcoreinfo": True})

    def test_a_form_that_is_not_what_it_claims_is_refused(self):
        good = {"container": "kdump", "compression": "lzo", "incomplete": False, "dump_level": 31, "split": False}
        dumps.check_form(forms.FORMS["kdump-lzo31"], [good])
        with self.assertRaisesRegex(LabError, "compression is zlib, not lzo"):
            dumps.check_form(forms.FORMS["kdump-lzo31"], [{**good, "compression": "zlib"}])
        with self.assertRaisesRegex(LabError, "split is False"):
            dumps.check_form(forms.FORMS["split3"], [good] * 3)


def flattened_dump(frames, info, notes=b"notes"):
    """A kdump-compressed file of whole pages, as QEMU writes one: {frame: bytes}, every other page compressed."""
    block = 4096
    head = bytearray(4 * block)
    head[:8] = b"KDUMP   "
    struct.pack_into("<iiI", head, 428, block, 1, 2)
    for frame in frames:
        head[3 * block + frame // 8] |= 1 << frame % 8
    descriptors, bodies, at = b"", b"", len(head) + 24 * len(frames)
    info_at = at + block * len(frames)
    struct.pack_into("<4Q", head, block + 32, info_at, len(info), info_at + len(info), len(notes))
    for number, frame in enumerate(sorted(frames)):
        body = frames[frame].ljust(block, b"\0")
        stored = zlib.compress(body) if number % 2 else body
        descriptors += struct.pack("<qIIQ", at, len(stored), number % 2, 0)
        bodies += stored
        at += len(stored)
    whole = (bytes(head) + descriptors + bodies).ljust(info_at, b"\0") + info + notes
    return b"makedumpfile".ljust(4096, b"\0") + struct.pack(">qq", 0, len(whole)) + whole + struct.pack(">qq", -1, -1)


class RefilterTest(unittest.TestCase):
    INFO = (b"NUMBER(phys_base)=0\nSYMBOL(init_top_pgt)=ffffffff80001000\nNUMBER(pgtable_l5_enabled)=0\n")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source, self.target = Path(folder.name) / "vmcore", Path(folder.name) / "elf"
        # Four levels; slot 300 of the top maps a large page of 2 MiB at physical 0.
        tables = {1: struct.pack("<Q", 0x2001), 2: struct.pack("<Q", 0x3001), 3: struct.pack("<Q", 0x81)}
        tables[1] = bytes(8 * 300) + tables[1]
        self.source.write_bytes(flattened_dump({**tables, 4: b"four", 9: b"nine"}, self.INFO))

    def test_the_direct_mapping_is_found(self):
        dump = refilter.Kdump(self.source)
        self.assertEqual(dump.frames, [1, 2, 3, 4, 9])
        self.assertEqual(refilter.direct_mapping(dump), 0xffff000000000000 | 300 << 39)
        self.assertEqual(refilter.ranges(dump), [[1, 5], [9, 10]])

    def test_the_elf_holds_the_pages(self):
        refilter.write_elf(self.source, self.target, ARCHES["x86_64"])
        data = self.target.read_bytes()
        kind, _, at, virtual, physical, size = struct.unpack_from("<IIQQQQ", data, 64 + 2 * 56)
        self.assertEqual((kind, physical, size, virtual), (1, 9 * 4096, 4096, 0xffff000000000000 | 300 << 39 | 9 * 4096))
        self.assertEqual(data[at:at + 4], b"nine")
        note = struct.unpack_from("<IIQQQQ", data, 64)
        self.assertEqual(data[note[2]:note[2] + note[5]], b"notes")

    def test_what_is_no_such_dump_is_refused(self):
        self.source.write_bytes(b"KDUMP   ".ljust(8192, b"\0"))
        with self.assertRaisesRegex(LabError, "no flattened dump"):
            refilter.Kdump(self.source)


class InitrdTest(unittest.TestCase):
    def test_archive_can_be_walked(self):
        initrd = Initrd()
        initrd.add("init", "#!/bin/sh\n", 0o755)
        data, at, names = initrd.archive(), 0, {}
        while not names.get("TRAILER!!!"):
            fields = [int(data[at + 6 + 8 * field:at + 14 + 8 * field], 16) for field in range(13)]
            self.assertEqual(data[at:at + 6], b"070701")
            name = data[at + 110:at + 109 + fields[11]].decode()
            body = (at + 110 + fields[11] + 3) & ~3
            names[name] = (fields[1], data[body:body + fields[6]]) if fields[6] else (fields[1], b"-")
            at = (body + fields[6] + 3) & ~3
        self.assertEqual(names["init"], (0o100755, b"#!/bin/sh\n"))
        self.assertEqual(at, len(data))


class CommandTest(InCache):
    def run_lab(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = cli.main(list(arguments))
        return status, out.getvalue(), err.getvalue()

    def test_list_names_everything(self):
        status, out, _ = self.run_lab("list")
        self.assertEqual(status, 0)
        for name in ("stid_race", "kdump-lzo31", "check", "6.12", str(self.root)):
            self.assertIn(name, out)

    def test_packages_and_manifest(self):
        status, out, _ = self.run_lab("packages")
        self.assertEqual(status, 0)
        self.assertLessEqual({"makedumpfile", "qemu-system-x86", "qemu-system-arm", "gcc-12"}, set(out.split()))
        self.assertEqual(json.loads(self.run_lab("manifest")[1])["dumps"], [])

    def test_errors_are_one_line(self):
        for arguments in (["make"], ["make", "nonesuch"], ["make", "stid_race", "--form", "tape"], ["make", "healthy", "--form", "split3"]):
            status, out, err = self.run_lab(*arguments)
            self.assertEqual((status, out, err.count("\n")), (1, "", 1), err)
            self.assertTrue(err.startswith("lab: error: "), err)

    def test_sources_are_debians_alone(self):
        for line in apt.sources().splitlines():
            self.assertRegex(line, r"^deb \[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg\] http://deb\.debian\.org/")


class StyleTest(unittest.TestCase):
    def test_files_stay_readable(self):
        for path in [LAB / "lab", *LAB.glob("**/*.py"), *LAB.glob("cases/**/*.[ch]"), *LAB.glob("casebook/**/*.[ch]")]:
            self.assertLess(len(path.read_text().splitlines()), 400, path)


if __name__ == "__main__":
    unittest.main()
