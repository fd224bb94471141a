#include "records/store.h"

#include <algorithm>

#include "records/text.h"

namespace inquest::records {
namespace {

std::string joined(const std::vector<TraceFrame>& frames) {
  std::string out;
  for (const TraceFrame& f : frames) out += (out.empty() ? "" : "\n") + f.function;
  return out;
}

}  // namespace

Result<Store> Store::open(Database& database) {
  Store s;
  s.database_ = &database;
  TRY(s.find_node_, database.prepare("SELECT n.document, coalesce(d.thread, n.thread) FROM node n LEFT JOIN document d ON d.id = n.document WHERE n.hash = ?1"));
  TRY(s.add_node_, database.prepare("INSERT OR IGNORE INTO node(hash, document, thread) VALUES(?1, NULL, ?2)"));
  TRY(s.claim_node_, database.prepare("INSERT INTO node(hash, document, thread) VALUES(?1, ?2, NULL) ON CONFLICT(hash) DO UPDATE SET document = ?2, thread = NULL"));
  TRY(s.add_document_, database.prepare("INSERT INTO document(source, name, repository, oid, subject, sender, date, thread, flags, kinds, subject_kinds, title, version, part, "
                                        "total, touched, files, lines, upstream, tag) VALUES(?1,?2,?3,?4,?5,?6,?7,0,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19)"));
  TRY(s.set_thread_, database.prepare("UPDATE document SET thread = ?2 WHERE id = ?1"));
  TRY(s.move_documents_, database.prepare("UPDATE document SET thread = ?2 WHERE thread = ?1"));
  TRY(s.move_ghosts_, database.prepare("UPDATE node SET thread = ?2 WHERE thread = ?1"));
  TRY(s.add_words_, database.prepare("INSERT INTO words(rowid, subject, touched, changed, context, body, traced, filed) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)"));
  TRY(s.add_trailer_, database.prepare("INSERT INTO trailer(document, number, kind, value, title) VALUES(?1,?2,?3,?4,?5)"));
  TRY(s.add_mention_, database.prepare("INSERT INTO mention(document, number, hash, title, message, stance, sentence, words) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)"));
  TRY(s.add_trace_, database.prepare("INSERT INTO trace(document, number, title, kinds, function, file, line, workqueue, release, frames, others) "
                                     "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)"));
  TRY(s.add_file_, database.prepare("INSERT INTO file(path) VALUES(?1)"));
  TRY(s.find_file_, database.prepare("SELECT id FROM file WHERE path = ?1"));
  TRY(s.add_home_, database.prepare("INSERT INTO home(function, file, count) VALUES(?1,?2,1) ON CONFLICT(function, file) DO UPDATE SET count = count + 1"));
  TRY(s.set_tag_, database.prepare("UPDATE document SET tag = ?2 WHERE source = 1 AND name = ?1 AND tag IS NULL"));
  return s;
}

Result<void> Store::complete_tag(std::string_view name, std::string_view tag) {
  if (tag.empty()) return {};
  return set_tag_.bind(1, name).bind(2, tag).run();
}

Result<bool> Store::add(const Document& d, int64_t repository, const Oid& oid, std::string_view tag) {
  int64_t own_hash = stable_hash(d.name);
  find_node_.bind(1, own_hash);
  TRY(bool known, find_node_.step());
  bool here = known && !find_node_.is_null(0);
  find_node_.reset();
  if (here) {
    if (d.source == Source::kCommit) TRY_VOID(complete_tag(d.name, tag));
    return false;
  }
  Statement& s = add_document_;
  s.bind(1, int64_t(d.source)).bind(2, d.name).bind(3, repository).bind_blob(4, oid.view()).bind(5, d.subject).bind(6, d.sender).bind(7, d.date);
  s.bind(8, int64_t(d.flags)).bind(9, int64_t(d.kinds)).bind(10, int64_t(d.subject_kinds)).bind(11, title_key(d.parts.title)).bind(12, int64_t(d.parts.version));
  s.bind(13, int64_t(d.parts.part)).bind(14, int64_t(d.parts.total)).bind(15, int64_t(d.touched.size())).bind(16, int64_t(d.files)).bind(17, int64_t(d.changed_lines));
  d.upstream.empty() ? s.bind_null(18) : s.bind(18, d.upstream);
  tag.empty() ? s.bind_null(19) : s.bind(19, tag);
  TRY_VOID(s.run());
  int64_t id = database_->last_row();
  TRY(int64_t thread, thread_of(d, id, own_hash));
  TRY_VOID(set_thread_.bind(1, id).bind(2, thread).run());
  TRY_VOID(claim_node_.bind(1, own_hash).bind(2, id).run());
  TRY_VOID(add_details(d, id));
  TRY_VOID(add_words(d, id));
  return true;
}

// The thread that its own name and its references belong to; several such threads become one.
Result<int64_t> Store::thread_of(const Document& d, int64_t id, int64_t own_hash) {
  std::vector<int64_t> hashes{own_hash}, threads;
  for (const std::string& reference : d.references) hashes.push_back(stable_hash(reference));
  for (int64_t hash : hashes) {
    find_node_.bind(1, hash);
    TRY(bool known, find_node_.step());
    int64_t thread = known ? find_node_.integer(1) : 0;
    find_node_.reset();
    if (thread != 0 && std::find(threads.begin(), threads.end(), thread) == threads.end()) threads.push_back(thread);
  }
  int64_t thread = threads.empty() ? id : *std::min_element(threads.begin(), threads.end());
  for (int64_t other : threads) {
    if (other == thread) continue;
    TRY_VOID(move_documents_.bind(1, other).bind(2, thread).run());
    TRY_VOID(move_ghosts_.bind(1, other).bind(2, thread).run());
  }
  for (size_t i = 1; i < hashes.size(); i++) TRY_VOID(add_node_.bind(1, hashes[i]).bind(2, thread).run());
  return thread;
}

Result<void> Store::add_home(std::string_view function, std::string_view path) {
  if (function.empty() || path.empty()) return {};
  find_file_.bind(1, path);
  TRY(bool known, find_file_.step());
  int64_t file = known ? find_file_.integer(0) : 0;
  find_file_.reset();
  if (!known) {
    TRY_VOID(add_file_.bind(1, path).run());
    file = database_->last_row();
  }
  return add_home_.bind(1, function).bind(2, file).run();
}

Result<void> Store::add_details(const Document& d, int64_t id) {
  int64_t number = 0;
  for (const Trailer& t : d.trailers) {
    if (t.kind == TrailerKind::kCopiedTo || t.kind == TrailerKind::kReviewedBy) continue;
    TRY_VOID(add_trailer_.bind(1, id).bind(2, number++).bind(3, int64_t(t.kind)).bind(4, t.value).bind(5, title_key(t.title)).run());
  }
  number = 0;
  for (const Mention& m : d.mentions) {
    int64_t message = m.message.empty() ? 0 : stable_hash(m.message);
    add_mention_.bind(1, id).bind(2, number++).bind(3, m.hash).bind(4, title_key(m.title)).bind(5, message).bind(6, int64_t(m.stance)).bind(7, m.sentence).bind(8, shorten(m.title, 200));
    TRY_VOID(add_mention_.run());
  }
  number = 0;
  for (const Trace& t : d.traces) {
    add_trace_.bind(1, id).bind(2, number++).bind(3, t.title).bind(4, int64_t(t.kinds)).bind(5, t.function).bind(6, t.file).bind(7, int64_t(t.line));
    TRY_VOID(add_trace_.bind(8, t.workqueue_function).bind(9, t.release).bind(10, joined(t.frames)).bind(11, joined(t.others)).run());
    for (const TraceFrame& f : t.frames) TRY_VOID(add_home(f.function, f.file));
  }
  for (const TouchedFunction& t : d.touched) TRY_VOID(add_home(t.name, t.file));
  return {};
}

Result<void> Store::add_words(const Document& d, int64_t id) {
  add_words_.bind(1, id);
  for (int c = 0; c < kColumnCount; c++) add_words_.bind(2 + c, d.words[size_t(c)]);
  return add_words_.run();
}

}  // namespace inquest::records
