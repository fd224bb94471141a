// For tests: a folder that goes when the test does, and a bare repository in it to which messages are added one by one.
#pragma once

#include <git2.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace inquest::records {

// A folder that goes when the test does.
struct TemporaryFolder {
  TemporaryFolder() {
    static int count = 0;
    path = (std::filesystem::temp_directory_path() / ("records_test." + std::to_string(getpid()) + "." + std::to_string(count++))).string();
    std::filesystem::create_directories(path);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

// A bare repository to which commits of one file are added.
class Repository {
 public:
  explicit Repository(const std::string& path) {
    git_libgit2_init();
    EXPECT_EQ(git_repository_init(&repository_, path.c_str(), 1), 0);
  }
  ~Repository() { git_repository_free(repository_); }

  // Commits `content` as the whole tree's file `name`; returns the blob.
  std::string add(const std::string& name, const std::string& content, int64_t date, const std::string& message = "m") {
    git_oid blob, tree_id, commit_id, parent_id;
    git_treebuilder* builder = nullptr;
    git_tree* tree = nullptr;
    git_commit* parent = nullptr;
    git_signature* who = nullptr;
    EXPECT_EQ(git_blob_create_from_buffer(&blob, repository_, content.data(), content.size()), 0);
    git_treebuilder_new(&builder, repository_, nullptr);
    git_treebuilder_insert(nullptr, builder, name.c_str(), &blob, GIT_FILEMODE_BLOB);
    git_treebuilder_write(&tree_id, builder);
    git_tree_lookup(&tree, repository_, &tree_id);
    if (git_reference_name_to_id(&parent_id, repository_, "HEAD") == 0) git_commit_lookup(&parent, repository_, &parent_id);
    git_signature_new(&who, "A", "a@b", date, 0);
    const git_commit* parents[] = {parent};
    EXPECT_EQ(git_commit_create(&commit_id, repository_, "HEAD", who, who, nullptr, message.c_str(), tree, parent != nullptr ? 1 : 0, parents), 0);
    git_signature_free(who);
    git_commit_free(parent);
    git_tree_free(tree);
    git_treebuilder_free(builder);
    last_ = commit_id;
    char hex[GIT_OID_HEXSZ + 1];
    git_oid_tostr(hex, sizeof hex, &blob);
    return hex;
  }
  std::string last() const {
    char hex[GIT_OID_HEXSZ + 1];
    return git_oid_tostr(hex, sizeof hex, &last_);
  }
  void tag(const std::string& name) {
    git_object* object = nullptr;
    git_oid out;
    git_object_lookup(&object, repository_, &last_, GIT_OBJECT_COMMIT);
    EXPECT_EQ(git_tag_create_lightweight(&out, repository_, name.c_str(), object, 0), 0);
    git_object_free(object);
  }

 private:
  git_repository* repository_ = nullptr;
  git_oid last_{};
};

inline std::string mail(const std::string& id, const std::string& subject, const std::string& body, const std::string& reference = "", const std::string& from = "A <a@b.c>") {
  return "From: " + from + "\nSubject: " + subject + "\nMessage-ID: <" + id + ">\n" + (reference.empty() ? "" : "References: <" + reference + ">\n") +
         "Date: Tue, 9 Jun 2020 12:00:00 +0000\n\n" + body;
}

}  // namespace inquest::records
