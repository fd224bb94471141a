#include "debuginfo/source_path.h"

#include <gtest/gtest.h>

namespace inquest::debuginfo {
namespace {

TEST(SourcePath, Normal) {
  EXPECT_EQ(normal_path("a/./b//c/../d"), "a/b/d");
  EXPECT_EQ(normal_path("./lib/radix-tree.c"), "lib/radix-tree.c");
  EXPECT_EQ(normal_path("../../lib/x.c"), "lib/x.c");
  EXPECT_EQ(normal_path("/a/../../b"), "/b");
  EXPECT_EQ(normal_path(""), "");
}

TEST(SourcePath, BuiltInPlace) {
  PathCutter cutter("/home/me/linux", "lib/radix-tree.c");
  EXPECT_EQ(cutter.cut("lib", "radix-tree.c"), "lib/radix-tree.c");
  EXPECT_EQ(cutter.cut("./include/linux", "list.h"), "include/linux/list.h");
  EXPECT_EQ(cutter.cut("/home/me/linux/include", "x.h"), "include/x.h");
  EXPECT_EQ(cutter.cut("/usr/lib/gcc/x86_64-linux-gnu/12/include", "stdarg.h"),
            "/usr/lib/gcc/x86_64-linux-gnu/12/include/stdarg.h");
}

// Debian builds below its source tree; assembler units keep whole paths though -fdebug-prefix-map cut those of C.
TEST(SourcePath, BuiltBelow) {
  PathCutter cutter("/build/reproducible-path/linux-6.1.192/debian/build/build_amd64",
                    "/build/reproducible-path/linux-6.1.192/arch/x86/kernel/head_64.S");
  EXPECT_EQ(cutter.cut("/build/reproducible-path/linux-6.1.192/arch/x86/kernel", "head_64.S"),
            "arch/x86/kernel/head_64.S");
  EXPECT_EQ(cutter.cut("", "/build/reproducible-path/linux-6.1.192/lib/x.c"), "lib/x.c");
  EXPECT_EQ(cutter.cut("arch/x86/include/generated", "y.h"), "arch/x86/include/generated/y.h");
  EXPECT_EQ(cutter.cut("/usr/include", "z.h"), "/usr/include/z.h");
}

TEST(SourcePath, OutOfTreeModule) {
  PathCutter cutter("/usr/src/linux-headers-6.1.0-56-amd64", "/tmp/work/faulty/faulty.c");
  EXPECT_EQ(cutter.cut("/tmp/work/faulty", "faulty.c"), "faulty/faulty.c");
  EXPECT_EQ(cutter.cut("/tmp/work/faulty/sub", "more.c"), "faulty/sub/more.c");
  EXPECT_EQ(cutter.cut("/usr/src/linux-headers-6.1.0-56-common/include/linux", "list.h"), "include/linux/list.h");
  EXPECT_EQ(cutter.cut("./include/generated", "autoconf.h"), "include/generated/autoconf.h");
}

TEST(SourcePath, BuiltBeside) {
  PathCutter cutter("/home/me/linux-build", "/home/me/linux/lib/radix-tree.c");
  EXPECT_EQ(cutter.cut("/home/me/linux/lib", "radix-tree.c"), "lib/radix-tree.c");
}

TEST(SourcePath, MappedAway) {
  PathCutter cutter("debian/build/build_amd64", "lib/radix-tree.c");
  EXPECT_EQ(cutter.cut("lib", "radix-tree.c"), "lib/radix-tree.c");
}

}  // namespace
}  // namespace inquest::debuginfo
