#include "records/rows.h"

#include <algorithm>

#include "records/text.h"

namespace inquest::records {

Result<Rows> Rows::open(Database& database) {
  Rows r;
  TRY(r.by_id_, database.prepare("SELECT source, name, subject, sender, date, thread, flags, kinds, subject_kinds, title, version, part, total, touched, files, lines, upstream, tag "
                                 "FROM document WHERE id = ?1"));
  TRY(r.of_thread_, database.prepare("SELECT id FROM document WHERE thread = ?1 ORDER BY id LIMIT 2000"));
  TRY(r.of_title_, database.prepare("SELECT id FROM document WHERE title = ?1 AND title != 0 LIMIT ?2"));
  TRY(r.of_upstream_, database.prepare("SELECT id FROM document WHERE upstream >= ?1 AND upstream < ?2 AND upstream IS NOT NULL LIMIT ?3"));
  TRY(r.of_commit_, database.prepare("SELECT id FROM document WHERE source = 1 AND name >= ?1 AND name < ?2 LIMIT ?3"));
  TRY(r.of_node_, database.prepare("SELECT n.document, coalesce(d.thread, n.thread) FROM node n LEFT JOIN document d ON d.id = n.document WHERE n.hash = ?1"));
  TRY(r.hashes_, database.prepare("SELECT m.hash FROM mention m JOIN document d ON d.id = m.document WHERE m.title = ?1 AND m.title != 0 AND m.hash != '' AND d.thread != ?2 "
                                  "ORDER BY length(m.hash) DESC LIMIT 50"));
  return r;
}

Result<std::string> Rows::hash_of_title(int64_t title, int64_t but_thread) {
  hashes_.bind(1, title).bind(2, but_thread);
  std::string longest;
  bool agree = true;
  while (true) {
    TRY(bool more, hashes_.step());
    if (!more) break;
    std::string hash = hashes_.text(0);
    if (longest.empty()) longest = hash;
    agree = agree && longest.starts_with(hash);
  }
  hashes_.reset();
  return agree && longest.size() >= 10 ? longest : std::string();
}

Result<std::vector<int64_t>> Rows::ids(Statement& statement) {
  std::vector<int64_t> out;
  while (true) {
    TRY(bool more, statement.step());
    if (!more) break;
    out.push_back(statement.integer(0));
  }
  statement.reset();
  return out;
}

Result<std::optional<DocumentRow>> Rows::by_id(int64_t id) {
  Statement& s = by_id_;
  TRY(bool known, s.bind(1, id).step());
  if (!known) {
    s.reset();
    return std::optional<DocumentRow>();
  }
  DocumentRow row;
  row.head = {id, s.integer(0) == 1, s.text(1), s.text(2), s.text(3), s.integer(4), s.integer(5)};
  row.flags = uint32_t(s.integer(6));
  row.kinds = uint32_t(s.integer(7));
  row.subject_kinds = uint32_t(s.integer(8));
  row.title = s.integer(9);
  row.version = uint32_t(s.integer(10));
  row.part = uint32_t(s.integer(11));
  row.total = uint32_t(s.integer(12));
  row.touched = uint32_t(s.integer(13));
  row.files = uint32_t(s.integer(14));
  row.lines = uint32_t(s.integer(15));
  row.upstream = s.text(16);
  row.tag = s.text(17);
  s.reset();
  return std::optional<DocumentRow>(std::move(row));
}

Result<std::vector<int64_t>> Rows::of_thread(int64_t thread) { return ids(of_thread_.bind(1, thread)); }
Result<std::vector<int64_t>> Rows::of_title(int64_t title, size_t limit) { return ids(of_title_.bind(1, title).bind(2, int64_t(limit))); }

Result<std::vector<int64_t>> Rows::of_hash(const std::string& hash, size_t limit) {
  if (hash.size() < 7) return std::vector<int64_t>();
  std::string end = hash + "g";  // behind every hex digit
  TRY(std::vector<int64_t> out, ids(of_commit_.bind(1, hash).bind(2, end).bind(3, int64_t(limit))));
  TRY(std::vector<int64_t> copies, ids(of_upstream_.bind(1, hash).bind(2, end).bind(3, int64_t(limit))));
  for (int64_t id : copies) {
    if (out.size() < limit && std::find(out.begin(), out.end(), id) == out.end()) out.push_back(id);
  }
  return out;
}

Result<int64_t> Rows::of_name_hash(int64_t hash) {
  TRY(bool known, of_node_.bind(1, hash).step());
  int64_t id = known ? of_node_.integer(0) : 0;
  of_node_.reset();
  return id;
}

Result<int64_t> Rows::thread_of_name(const std::string& name) {
  TRY(bool known, of_node_.bind(1, stable_hash(name)).step());
  int64_t thread = known ? of_node_.integer(1) : 0;
  of_node_.reset();
  return thread;
}

}  // namespace inquest::records
