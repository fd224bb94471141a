#include "records/schema.h"

namespace inquest::records {
namespace {

constexpr int kVersion = 1;

// `node` maps the hash of a Message-ID to its document, or, for a message that is named but not here, to the thread
// it belongs to. `home` counts how often patches and symbolized logs place a function in a file. `words` is
// contentless: the text stays in the repositories.
constexpr const char* kTables = R"(
CREATE TABLE IF NOT EXISTS repository(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, path TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS walk(repository INTEGER NOT NULL, ref TEXT NOT NULL, tip BLOB NOT NULL, hidden BLOB NOT NULL,
  done INTEGER NOT NULL, finished INTEGER NOT NULL, PRIMARY KEY(repository, ref, tip)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS damage(repository INTEGER NOT NULL, what TEXT NOT NULL, why TEXT NOT NULL, PRIMARY KEY(repository, what)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS document(id INTEGER PRIMARY KEY, source INTEGER NOT NULL, name TEXT NOT NULL, repository INTEGER NOT NULL, oid BLOB NOT NULL,
  subject TEXT NOT NULL, sender TEXT NOT NULL, date INTEGER NOT NULL, thread INTEGER NOT NULL, flags INTEGER NOT NULL, kinds INTEGER NOT NULL,
  subject_kinds INTEGER NOT NULL, title INTEGER NOT NULL, version INTEGER NOT NULL, part INTEGER NOT NULL, total INTEGER NOT NULL,
  touched INTEGER NOT NULL, files INTEGER NOT NULL, lines INTEGER NOT NULL, upstream TEXT, tag TEXT);
CREATE INDEX IF NOT EXISTS document_thread ON document(thread);
CREATE INDEX IF NOT EXISTS document_title ON document(title) WHERE title != 0;
CREATE INDEX IF NOT EXISTS document_upstream ON document(upstream) WHERE upstream IS NOT NULL;
CREATE INDEX IF NOT EXISTS document_commit ON document(name) WHERE source = 1;
CREATE TABLE IF NOT EXISTS node(hash INTEGER PRIMARY KEY, document INTEGER, thread INTEGER);
CREATE INDEX IF NOT EXISTS node_ghost ON node(thread) WHERE thread IS NOT NULL;
CREATE TABLE IF NOT EXISTS trailer(document INTEGER NOT NULL, number INTEGER NOT NULL, kind INTEGER NOT NULL, value TEXT NOT NULL, title INTEGER NOT NULL,
  PRIMARY KEY(document, number)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS trailer_report ON trailer(value) WHERE kind IN (3, 4);
CREATE TABLE IF NOT EXISTS mention(document INTEGER NOT NULL, number INTEGER NOT NULL, hash TEXT NOT NULL, title INTEGER NOT NULL, message INTEGER NOT NULL,
  stance INTEGER NOT NULL, sentence TEXT NOT NULL, words TEXT NOT NULL, PRIMARY KEY(document, number)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS mention_title ON mention(title) WHERE title != 0;
CREATE INDEX IF NOT EXISTS mention_message ON mention(message) WHERE message != 0;
CREATE TABLE IF NOT EXISTS trace(document INTEGER NOT NULL, number INTEGER NOT NULL, title TEXT NOT NULL, kinds INTEGER NOT NULL, function TEXT NOT NULL,
  file TEXT NOT NULL, line INTEGER NOT NULL, workqueue TEXT NOT NULL, release TEXT NOT NULL, frames TEXT NOT NULL, others TEXT NOT NULL,
  PRIMARY KEY(document, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS file(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS home(function TEXT NOT NULL, file INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY(function, file)) WITHOUT ROWID;
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(subject, touched, changed, context, body, traced, filed, content='', columnsize=0, detail=column,
  tokenize="ascii tokenchars '_'");
CREATE VIRTUAL TABLE IF NOT EXISTS postings USING fts5vocab('words', 'instance');
)";

}  // namespace

Result<void> prepare_archive_schema(Database& database) {
  TRY(int64_t version, database.integer_of("PRAGMA user_version", 0));
  if (version > kVersion) return Error(ErrorCode::kMismatch, "the archive was written by a newer inquest (schema " + std::to_string(version) + ")");
  if (version == kVersion) return {};
  Result<void> journal = database.execute("PRAGMA page_size=8192; PRAGMA journal_mode=WAL");  // busy when another process opens it too: it does this then
  (void)journal.ok();
  TRY(Transaction transaction, Transaction::begin(database));
  TRY_VOID(database.execute(kTables));
  TRY_VOID(database.execute("INSERT INTO words(words, rank) VALUES('automerge', 8); INSERT INTO words(words, rank) VALUES('crisismerge', 32); "
                            "INSERT INTO words(words, rank) VALUES('pgsz', 8000)"));
  TRY_VOID(database.execute("PRAGMA user_version=" + std::to_string(kVersion)));
  return transaction.commit();
}

}  // namespace inquest::records
