#include "debuginfo/finder.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "debuginfo/testing/sample.h"

namespace inquest::debuginfo {
namespace {

// Just enough of a kernel and of a module to be taken for one.
constexpr const char* kKernel = R"(
const char linux_banner[] = "Linux version RELEASE (someone@somewhere) #1 SMP";
const char linux_proc_banner[] = "%s version %s";
__attribute__((section("__ksymtab"), used)) static int export = 1;
int start_kernel(void) { return linux_banner[0] + linux_proc_banner[0]; }
)";
constexpr const char* kModule = R"(
__attribute__((section(".modinfo"), used, aligned(1))) static const char name[] = "name=odd_name";
__attribute__((section(".modinfo"), used, aligned(1))) static const char magic[] = "vermagic=RELEASE SMP preempt";
int init_module(void) { return 0; }
)";

std::string with_release(std::string source, const std::string& release) {
  for (size_t at; (at = source.find("RELEASE")) != std::string::npos;) source.replace(at, 7, release);
  return source;
}

class FinderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    bool good = kernel("vmlinux-1", "6.1.0-1") && kernel("vmlinux-2", "6.1.0-2") && module("odd-name.ko", "6.1.0-1") &&
                module("other.ko", "6.1.0-2");
    if (!good) GTEST_SKIP() << "no gcc";
    std::filesystem::create_directories(folder_.path() + "/debug/boot");
    std::filesystem::create_directories(folder_.path() + "/debug/lib/modules/6.1.0-1/kernel/fs");
    for (const char* name : {"vmlinux-1", "vmlinux-2"}) std::filesystem::copy(path(name), path("debug/boot/") + name);
    std::filesystem::copy(path("odd-name.ko"), path("debug/lib/modules/6.1.0-1/kernel/fs/odd-name.ko"));
    std::filesystem::create_symlink("../../../boot/vmlinux-1", path("debug/lib/modules/6.1.0-1/vmlinux"));
    std::filesystem::create_directory_symlink("..", path("debug/lib/modules/6.1.0-1/build"));
    folder_.write("debug/vmlinux.lds", "not a kernel");
    folder_.write("debug/vmlinux-broken", "not a kernel either");
  }
  bool kernel(const std::string& name, const std::string& release) {
    return testing::compile(folder_, name, with_release(kKernel, release),
                            "gcc -g -nostdlib -static -no-pie -Wl,--build-id,-e,start_kernel");
  }
  bool module(const std::string& name, const std::string& release) {
    return testing::compile(folder_, name, with_release(kModule, release), "gcc -g -r -nostdlib -Wl,--build-id");
  }
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  Finder finder(const std::vector<std::string>& places, const CacheFolder* cache = nullptr) {
    auto made = Finder::make(places, false, cache, ledger_);
    EXPECT_TRUE(made.ok());
    return *made;
  }
  std::string build_id(const std::string& name) {
    auto file = MappedFile::open(path(name));
    return identify_file(file->bytes(), name)->build_id;
  }

  testing::ScratchFolder folder_;
  LossLedger ledger_;
};

TEST_F(FinderTest, Identity) {
  auto file = MappedFile::open(path("vmlinux-1"));
  auto identity = identify_file(file->bytes(), "vmlinux-1");
  ASSERT_TRUE(identity.ok());
  EXPECT_TRUE(identity->is_vmlinux && identity->has_dwarf && !identity->is_module);
  EXPECT_EQ(identity->release, "6.1.0-1");
  EXPECT_EQ(identity->build_id.size(), 40u);
  file = MappedFile::open(path("odd-name.ko"));
  identity = identify_file(file->bytes(), "odd-name.ko");
  ASSERT_TRUE(identity.ok());
  EXPECT_TRUE(identity->is_module && !identity->is_vmlinux);
  EXPECT_EQ(identity->module_name, "odd_name");
  EXPECT_EQ(identity->release, "6.1.0-1");
  EXPECT_FALSE(identify_file(as_bytes_of("text"), "text").ok());
}

TEST_F(FinderTest, InAFolder) {
  Finder f = finder({path("debug/")});
  auto by_release = f.find({"vmlinux", "6.1.0-2", ""});
  ASSERT_TRUE(by_release.ok());
  EXPECT_EQ(by_release->path, path("debug/boot/vmlinux-2"));
  auto by_id = f.find({"vmlinux", "", build_id("vmlinux-1")});
  ASSERT_TRUE(by_id.ok());
  EXPECT_EQ(by_id->build_id, build_id("vmlinux-1"));
  auto module_found = f.find({"odd_name", "6.1.0-1", build_id("odd-name.ko")});
  ASSERT_TRUE(module_found.ok());
  EXPECT_EQ(module_found->path, path("debug/lib/modules/6.1.0-1/kernel/fs/odd-name.ko"));
  EXPECT_EQ(f.kernels().size(), 2u) << "links to one file are one kernel";
  EXPECT_TRUE(ledger_.entries().empty());
}

TEST_F(FinderTest, MismatchIsNamed) {
  Finder f = finder({path("vmlinux-1")});
  auto wrong = f.find({"vmlinux", "6.1.0-2", build_id("vmlinux-2")});
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code(), ErrorCode::kMismatch);
  EXPECT_NE(wrong.error().message().find(build_id("vmlinux-1")), std::string::npos);
  EXPECT_NE(wrong.error().message().find(build_id("vmlinux-2")), std::string::npos);
  auto release = f.find({"vmlinux", "6.1.0-2", ""});
  ASSERT_FALSE(release.ok());
  EXPECT_EQ(release.error().code(), ErrorCode::kMismatch);
  EXPECT_EQ(f.find({"odd_name", "", ""}).error().code(), ErrorCode::kNotFound);
  ASSERT_EQ(ledger_.entries().size(), 1u);
  EXPECT_EQ(ledger_.entries()[0].loss, Loss::kDebuginfoMismatch);
}

TEST_F(FinderTest, MissingPlace) {
  auto made = Finder::make({path("nowhere")}, false, nullptr, ledger_);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(made.error().message().find("nowhere"), std::string::npos);
}

TEST_F(FinderTest, TheOneWithDwarfWins) {
  ASSERT_TRUE(testing::run("objcopy -g " + path("odd-name.ko") + " " + path("debug/odd-name.ko")));
  auto found = finder({path("debug")}).find({"odd_name", "", build_id("odd-name.ko")});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->path, path("debug/lib/modules/6.1.0-1/kernel/fs/odd-name.ko"));
}

// Packages as dpkg-deb and rpmbuild lay them out, written with libarchive.
std::string archive_of(const char* format, const char* filter,
                       const std::vector<std::pair<std::string, std::string>>& members) {
  std::string out(64 << 20, '\0');
  size_t used = 0;
  archive* a = archive_write_new();
  EXPECT_EQ(archive_write_set_format_by_name(a, format), ARCHIVE_OK) << format;
  archive_write_set_bytes_in_last_block(a, 1);
  if (std::string_view(filter) != "none") {
    EXPECT_EQ(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK) << filter;
  }
  archive_write_open_memory(a, out.data(), out.size(), &used);
  for (const auto& [name, contents] : members) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, la_int64_t(contents.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_write_header(a, entry);
    archive_write_data(a, contents.data(), contents.size());
    archive_entry_free(entry);
  }
  archive_write_close(a);
  archive_write_free(a);
  out.resize(used);
  return out;
}

std::string deb_of(const char* filter, const std::vector<std::pair<std::string, std::string>>& members) {
  std::string data = archive_of("ustar", filter, members);
  return archive_of("arbsd", "none", {{"debian-binary", "2.0\n"}, {"control.tar", "nothing"}, {"data.tar", data}});
}

// A lead of 96 bytes, two empty headers, then the compressed cpio (the RPM file format, version 4).
std::string rpm_of(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string lead("\xed\xab\xee\xdb\x03\x00", 6), header("\x8e\xad\xe8\x01\0\0\0\0\0\0\0\0\0\0\0\0", 16);
  lead.resize(96);
  return lead + header + header + archive_of("newc", "gzip", members);
}

class PackageTest : public FinderTest {
 protected:
  std::vector<std::pair<std::string, std::string>> members() {
    return {{"./usr/share/doc/copyright", "text"},
            {"./usr/lib/debug/boot/vmlinux-6.1.0-1", testing::read_file(path("vmlinux-1"))},
            {"./usr/lib/debug/lib/modules/6.1.0-1/kernel/fs/odd-name.ko", testing::read_file(path("odd-name.ko"))}};
  }
  void check(const std::string& package, const CacheFolder* cache) {
    Finder f = finder({package}, cache);
    for (auto [name, file] : {std::pair("vmlinux", "vmlinux-1"), std::pair("odd_name", "odd-name.ko")}) {
      auto found = f.find({name, "6.1.0-1", build_id(file)});
      ASSERT_TRUE(found.ok()) << found.error().message();
      EXPECT_EQ(as_text(found->file.bytes()), testing::read_file(path(file)));
      EXPECT_EQ(found->build_id, build_id(file));
    }
    EXPECT_EQ(f.find({"absent", "", ""}).error().code(), ErrorCode::kNotFound);
    EXPECT_EQ(f.find({"vmlinux", "", build_id("vmlinux-2")}).error().code(), ErrorCode::kMismatch);
    EXPECT_EQ(f.kernels().size(), 1u);
  }
};

TEST_F(PackageTest, Deb) {
  for (const char* filter : {"none", "gzip", "xz", "zstd"})
    check(folder_.write(std::string(filter) + ".deb", deb_of(filter, members())), nullptr);
}

TEST_F(PackageTest, Rpm) { check(folder_.write("kernel-debuginfo.rpm", rpm_of(members())), nullptr); }

TEST_F(PackageTest, PackageInAFolder) {
  folder_.write("packages/linux-image-dbg.deb", deb_of("xz", members()));
  check(path("packages"), nullptr);
}

TEST_F(PackageTest, KeptInTheCache) {
  std::string package = folder_.write("x.deb", deb_of("xz", members()));
  CacheFolder cache(path("cache"));
  check(package, &cache);
  check(package, &cache);
  // What was taken out once is found without the package's contents.
  int passes = 0;
  auto made =
      Finder::make({package}, false, &cache, ledger_, [&](const std::string&, uint64_t, uint64_t) { passes++; });
  ASSERT_TRUE(made.ok());
  EXPECT_TRUE(made->find({"odd_name", "6.1.0-1", ""}).ok());
  EXPECT_EQ(made->find({"absent", "", ""}).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(passes, 0);
  for (const auto& entry : std::filesystem::directory_iterator(cache.path()))
    EXPECT_EQ(entry.path().filename().string().find("extracting"), std::string::npos) << "no temporary file is left";
}

TEST_F(PackageTest, PreparedInOnePass) {
  std::string package = folder_.write("x.deb", deb_of("xz", members()));
  uint64_t last = 0, passes = 0;
  auto made = Finder::make({package}, false, nullptr, ledger_, [&](const std::string&, uint64_t done, uint64_t total) {
    passes += done < last || last == 0;
    last = done;
    EXPECT_LE(done, total);
  });
  ASSERT_TRUE(made.ok());
  made->prepare({{"vmlinux", "", ""}, {"odd_name", "", ""}, {"absent", "", ""}});
  EXPECT_TRUE(made->find({"odd_name", "", ""}).ok() && made->find({"vmlinux", "", ""}).ok());
  EXPECT_FALSE(made->find({"absent", "", ""}).ok());
  EXPECT_EQ(passes, 1u);
}

TEST_F(PackageTest, Damaged) {
  std::string whole = deb_of("xz", members());
  for (size_t size : {size_t{0}, size_t{8}, size_t{100}, whole.size() / 2, whole.size() - 100}) {
    std::string package = folder_.write("cut.deb", whole.substr(0, size));
    Finder f = finder({package});
    (void)f.find({"odd_name", "", ""});
    (void)f.kernels();
  }
  std::string noise = whole;
  for (size_t i = whole.size() / 2; i < whole.size() / 2 + 64; i++) noise[i] = char(i * 7);
  (void)finder({folder_.write("noise.deb", noise)}).find({"odd_name", "", ""});
}

TEST_F(PackageTest, CompressedModule) {
  ASSERT_TRUE(testing::run("xz -k " + path("other.ko")));
  std::filesystem::create_directories(path("image/lib"));
  std::filesystem::rename(path("other.ko.xz"), path("image/lib/odd-name.ko.xz"));
  auto found = finder({path("image")}).find({"odd_name", "6.1.0-2", ""});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->build_id, build_id("other.ko"));
}

}  // namespace
}  // namespace inquest::debuginfo
