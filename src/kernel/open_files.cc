#include "kernel/open_files.h"

#include <fmt/format.h>

#include <algorithm>

namespace inquest::kernel {

namespace {

constexpr uint64_t kMaxFds = 1 << 20, kBatch = 512;       // fs/file.c: sysctl_nr_open is at most about a million by default
constexpr size_t kMaxSteps = 512, kMaxName = 256, kMaxPath = 4096;

// Names of files out of dentries and mounts (fs/d_path.c, prepend_path()).
class Paths {
 public:
  explicit Paths(const object::Program& program) : view_(program) {
    parent_ = view_.field("dentry", "d_parent");
    name_ = view_.field("dentry", "d_name.name");
    inode_ = view_.field("dentry", "d_inode");
    ops_ = view_.field("dentry", "d_op");
    super_ = view_.field("dentry", "d_sb");
    dname_ = view_.field("dentry_operations", "d_dname");
    type_ = view_.field("super_block", "s_type");
    type_name_ = view_.field("file_system_type", "name");
    number_ = view_.field("inode", "i_ino");
    mnt_root_ = view_.field("vfsmount", "mnt_root");
    mnt_ = view_.field("mount", "mnt");                   // struct mount around struct vfsmount since 3.3 (7d6fec45a5131)
    mnt_parent_ = view_.field("mount", "mnt_parent");
    mountpoint_ = view_.field("mount", "mnt_mountpoint");
  }

  std::string path(VirtualAddress mnt, VirtualAddress dentry) const {
    if (std::string name = nameless(dentry); !name.empty()) return name;
    if (!parent_ || !name_ || !mnt_root_ || !mnt_ || !mnt_parent_ || !mountpoint_) return "";
    std::string text;
    for (size_t step = 0; step < kMaxSteps && text.size() < kMaxPath; step++) {
      auto root = view_.read(mnt, *mnt_root_), parent = view_.read(dentry, *parent_);
      if (!root.ok() || !parent.ok()) return "";
      if (dentry.value == *root) {
        VirtualAddress mount = mnt - mnt_->offset;
        auto above = view_.read(mount, *mnt_parent_), at = view_.read(mount, *mountpoint_);
        if (!above.ok() || !at.ok()) return "";
        if (*above == mount.value) return text.empty() ? "/" : text;
        mnt = VirtualAddress(*above) + mnt_->offset;
        dentry = VirtualAddress(*at);
        continue;
      }
      if (*parent == dentry.value) return text.empty() ? "" : "(unreachable)" + text;  // in a mount that was taken away
      std::string name = view_.pointed_text(dentry + name_->offset, kMaxName);
      if (name.empty()) return "";
      text = "/" + name + text;
      dentry = VirtualAddress(*parent);
    }
    return "";
  }

 private:
  // A pipe, a socket, an anonymous inode: their dentries make their names up (dentry_operations.d_dname).
  std::string nameless(VirtualAddress dentry) const {
    if (!ops_ || !dname_ || !super_ || !type_ || !type_name_ || !name_) return "";
    uint64_t ops = view_.read(dentry, *ops_).value_or(0);
    if (!ops || !view_.read(VirtualAddress(ops), *dname_).value_or(0)) return "";
    uint64_t super = view_.read(dentry, *super_).value_or(0), type = super ? view_.read(VirtualAddress(super), *type_).value_or(0) : 0;
    if (!type) return "";
    std::string kind = view_.pointed_text(VirtualAddress(type) + type_name_->offset, 32), name = view_.pointed_text(dentry + name_->offset, kMaxName);
    uint64_t inode = inode_ ? view_.read(dentry, *inode_).value_or(0) : 0;
    auto number = inode && number_ ? view_.read(VirtualAddress(inode), *number_).maybe() : std::nullopt;
    if (kind == "pipefs" || kind == "sockfs") return fmt::format("{}:[{}]", kind == "pipefs" ? "pipe" : "socket", number ? std::to_string(*number) : "?");
    return kind.empty() ? "" : fmt::format("{}:{}", kind, name.empty() || name == "/" ? (number ? fmt::format("[{}]", *number) : "?") : name);
  }

  KernelView view_;
  std::optional<Field> parent_, name_, inode_, ops_, super_, dname_, type_, type_name_, number_, mnt_root_, mnt_, mnt_parent_, mountpoint_;
};

struct FileFields {
  explicit FileFields(const KernelView& view)
      : dentry(view.field("file", "f_path.dentry")), mnt(view.field("file", "f_path.mnt")), inode(view.field("file", "f_inode")),  // 3.9 (dd37978c50bc)
        inode_of_dentry(view.field("dentry", "d_inode")), mode(view.field("inode", "i_mode")) {}
  std::optional<Field> dentry, mnt, inode, inode_of_dentry, mode;
};

OpenFile read_file(const KernelView& view, const Paths& paths, const FileFields& f, unsigned fd, VirtualAddress file) {
  OpenFile open;
  open.fd = fd;
  open.file = file;
  if (f.dentry) open.dentry = VirtualAddress(view.read(file, *f.dentry).value_or(0));
  if (f.inode) open.inode = VirtualAddress(view.read(file, *f.inode).value_or(0));
  else if (f.inode_of_dentry && !open.dentry.is_null()) open.inode = VirtualAddress(view.read(open.dentry, *f.inode_of_dentry).value_or(0));
  if (f.mode && !open.inode.is_null()) open.mode = view.read(open.inode, *f.mode).maybe();
  if (f.mnt && !open.dentry.is_null()) open.path = paths.path(VirtualAddress(view.read(file, *f.mnt).value_or(0)), open.dentry);
  return open;
}

std::string path_in(const KernelView& view, const Paths& paths, VirtualAddress fs, const std::string& member) {
  auto mnt = view.field("fs_struct", member + ".mnt"), dentry = view.field("fs_struct", member + ".dentry");
  auto m = mnt ? view.read(fs, *mnt).maybe() : std::nullopt, d = dentry ? view.read(fs, *dentry).maybe() : std::nullopt;
  return m && d ? paths.path(VirtualAddress(*m), VirtualAddress(*d)) : "";
}

void read_table(const KernelView& view, const Paths& paths, VirtualAddress table, OpenFiles& open) {
  auto max = view.field("fdtable", "max_fds"), fds = view.field("fdtable", "fd");
  auto count = max ? view.read(table, *max).maybe() : std::nullopt, array = fds ? view.read(table, *fds).maybe() : std::nullopt;
  if (!count || !array) {
    open.problem = "the descriptor table cannot be read";
    return;
  }
  if (*count > kMaxFds) open.problem = fmt::format("the descriptor table claims {} entries; {} are looked at", *count, kMaxFds);
  FileFields fields(view);
  uint64_t last = std::min(*count, kMaxFds);
  for (uint64_t fd = 0; fd < last; fd += kBatch) {
    std::vector<std::byte> bytes(std::min(kBatch, last - fd) * 8);
    if (auto done = view.memory().read(VirtualAddress(*array) + fd * 8, bytes); !done.ok()) {
      open.problem = fmt::format("descriptors from {} on cannot be read: {}", fd, done.error().message());
      return;
    }
    for (uint64_t i = 0; i * 8 < bytes.size(); i++)
      if (auto file = load_unchecked<uint64_t>(bytes.data() + i * 8)) open.files.push_back(read_file(view, paths, fields, unsigned(fd + i), VirtualAddress(file)));
  }
}

}  // namespace

OpenFiles read_open_files(const object::Program& program, VirtualAddress task) {
  KernelView view(program);
  Paths paths(program);
  OpenFiles open;
  auto fs = view.field("task_struct", "fs"), files = view.field("task_struct", "files"), fdt = view.field("files_struct", "fdt");
  if (uint64_t at = fs ? view.read(task, *fs).value_or(0) : 0) {
    open.root = path_in(view, paths, VirtualAddress(at), "root");
    open.current = path_in(view, paths, VirtualAddress(at), "pwd");
  }
  auto at = files ? view.read(task, *files).maybe() : std::nullopt;
  if (!at || !fdt) {
    open.problem = "task_struct.files cannot be read, or is not known";
  } else if (!*at) {
    open.problem = "it has no files any more";
  } else if (auto table = view.read(VirtualAddress(*at), *fdt); table.ok()) {
    read_table(view, paths, VirtualAddress(*table), open);
  } else {
    open.problem = table.error().message();
  }
  return open;
}

const char* file_type(std::optional<uint64_t> mode) {
  switch (mode.value_or(0) & 0170000) {  // include/uapi/linux/stat.h
    case 0140000: return "SOCK";
    case 0120000: return "LNK";
    case 0100000: return "REG";
    case 0060000: return "BLK";
    case 0040000: return "DIR";
    case 0020000: return "CHR";
    case 0010000: return "FIFO";
    default: return "?";
  }
}

}  // namespace inquest::kernel
