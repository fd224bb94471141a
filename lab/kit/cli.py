"""The lab's command line."""
import argparse
import json
import signal
import sys

from . import tools
from .arches import ARCHES
from .cache import cache_root, locked
from .cases import all_cases, find_case
from .dumps import dump_files, dump_folder, is_made, make_dumps
from .formats import disk_bytes
from .forms import BOOTS, CASEBOOK_FORM, FORMS, SETS, find_form, rows_of
from .kernel64k import kernel_64k
from .kernels import SERIES, cached_kernel, complete_kernels, debian_kernel
from .say import LabError
from .sparse import parse_size, write_sparse
from .truth import read_truth


def main(arguments):
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to end, clean up as at Ctrl-C
    try:
        return run(parser().parse_args(arguments))
    except LabError as error:
        print(f"lab: error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("lab: error: stopped; what was half built is removed", file=sys.stderr)
    return 1


def parser():
    top = argparse.ArgumentParser(prog="lab", description="Makes real dumps of real Linux kernels for inquest's tests.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="the cases, forms, sets and kernels")
    packages = commands.add_parser("packages", help="the Debian packages the lab needs on this machine")
    packages.add_argument("--install", action="store_true", help="install them by apt (sudo if not root)")
    make = commands.add_parser("make", help="make a dump, or a set of them, and print where it is")
    make.add_argument("case", nargs="?", metavar="CASE")
    make.add_argument("--set", choices=SETS, help="everything a purpose needs, in place of one CASE")
    make.add_argument("--arch", choices=ARCHES, default="x86_64")
    make.add_argument("--form", metavar="FORM[,FORM]", help="default elf, kdump-zlib for the casebook's; `lab list` names them")
    make.add_argument("--kernel", choices=SERIES, default="6.1")
    make.add_argument("--fresh", action="store_true", help="ask Debian for today's kernel even if the cache has one")
    commands.add_parser("make-64k", help="build an arm64 kernel with pages of 64 KiB and make the seed's crash on it (ten minutes)")
    sparse = commands.add_parser("sparse", help="write a dump of a huge machine, nearly all of it holes: for measuring what size costs")
    sparse.add_argument("output", metavar="FILE")
    sparse.add_argument("--memory", default="4T", metavar="SIZE", help="such as 512G, 4T, 24T")
    sparse.add_argument("--page-size", type=int, default=4096, choices=(4096, 65536), help="4096: an x86_64 machine; 65536: an aarch64 one")
    commands.add_parser("manifest", help="every dump of the cache, as JSON")
    return top


def run(options):
    if options.command == "list":
        list_all()
    elif options.command == "packages":
        packages(options.install)
    elif options.command == "make":
        make(options)
    elif options.command == "make-64k":
        make_64k()
    elif options.command == "sparse":
        write_sparse(options.output, parse_size(options.memory), options.page_size)
    elif options.command == "manifest":
        print(json.dumps(manifest(), indent=1))
    return 0


def list_all():
    print("cases")
    for case in all_cases():
        print(f"  {case.name:14} {case.cause}: {case.description}")
    print("forms")
    for form in FORMS.values():
        arches = "" if len(form.arches) == len(ARCHES) else f" ({', '.join(form.arches)} only)"
        print(f"  {form.name:14} {form.description}{arches}")
    print("sets")
    for name in SETS:
        print(f"  {name:14} " + "; ".join(f"{case} {arch} {','.join(forms)}" for case, arch, forms in rows_of(name)))
    print(f"kernels\n  {', '.join(SERIES)} (64k by `lab make-64k`)\ncache\n  {cache_root()}")


def packages(install):
    if install:
        tools.install_packages()
    else:
        print("\n".join(tools.host_packages() + tools.packages_64k()))


def make(options):
    if bool(options.case) == bool(options.set):
        raise LabError("name one CASE or one --set: `lab/lab list` names them")
    rows = rows_of(options.set, options.kernel) if options.set else [row_of(options)]
    for case_name, arch_name, form_names in rows:
        case = find_case(case_name)
        forms = [find_form(name, arch_name) for name in form_names]
        check_forms(case, forms)
        arch = ARCHES[arch_name]
        if arch_name not in SERIES[options.kernel].arches:
            raise LabError(f"the {options.kernel} kernel is made on {', '.join(SERIES[options.kernel].arches)} only, not on {arch_name}")
        tools.check_tools(arch, any(BOOTS[form.boot].kdump for form in forms))
        with locked(f"{options.kernel}-{arch.name}"):
            kernel = find_kernel(SERIES[options.kernel], arch, options.fresh)
            try:
                make_dumps(kernel, case, forms)
            finally:
                kernel.complete()
        print_files(kernel, case, forms)


def row_of(options):
    case = find_case(options.case)
    if options.arch not in case.arches:
        raise LabError(f"{case.name} is made on {', '.join(case.arches)} only, not on {options.arch}")
    if case.kernels and options.kernel not in case.kernels:
        raise LabError(f"{case.name} is made on the {', '.join(case.kernels)} kernel only, not on {options.kernel}")
    forms = options.form or (CASEBOOK_FORM if case.in_casebook else "elf")
    return case.name, options.arch, forms.split(",")


def find_kernel(series, arch, fresh):
    if series.meta:
        return debian_kernel(series, arch, fresh)
    kernel = cached_kernel(series.name, arch)
    if not kernel:
        raise LabError(f"the {series.name} kernel is not built yet: run `lab/lab make-{series.name}`")
    return kernel


def make_64k():
    case, forms = find_case("stid_race"), [FORMS["elf"], FORMS["kdump-zlib"]]
    tools.check_tools(ARCHES["aarch64"], kdump=False)
    for name in ("gcc-12", "bc", "bison", "flex", "perl", "xz"):
        tools.tool(name)
    with locked("64k-aarch64"):
        kernel = kernel_64k()
        make_dumps(kernel, case, forms)
    print_files(kernel, case, forms)


def print_files(kernel, case, forms):
    for form in forms:
        for file in dump_files(dump_folder(kernel, case, form), form):
            print(file)


def check_forms(case, forms):
    for form in forms:
        if case.ends == "running" and BOOTS[form.boot].kdump:
            raise LabError(f"{case.name} does not crash, so no crash kernel can save it: choose a form that QEMU saves")


def manifest():
    """Every complete dump whose case the sources beside this still describe."""
    cases = {case.name: case for case in all_cases()}
    dumps = []
    for kernel in complete_kernels():
        for path in sorted(kernel.folder.glob("dumps/*/*/truth.json")):
            truth = read_truth(path)
            form, case = FORMS.get(truth["form"]), cases.get(truth["case"])
            if not form or not case or not is_made(kernel, case, form):
                continue
            files = dump_files(path.parent, form)
            dumps.append({
                "case": case.name, "form": form.name, "arch": kernel.arch.name, "release": kernel.release, "series": kernel.series,
                "files": [str(file) for file in files], "debug": str(kernel.debug), "serial": str(path.parent / "serial.log"),
                "truth_file": str(path), "bytes": sum(file.stat().st_size for file in files),
                "disk_bytes": sum(disk_bytes(file) for file in files), "truth": truth})
    return {"schema": 1, "cache": str(cache_root()), "dumps": dumps}
