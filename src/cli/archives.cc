// `inquest archive add` and `inquest archive search`.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdio>

#include "cli/archives.h"
#include "cli/session.h"
#include "records/archive.h"
#include "records/mime.h"

namespace inquest::cli {

int run_archive_add(const Options& options) {
  if (options.git.empty() == options.mail.empty()) return std::fputs("inquest: archive add: one of --git REPO and --mail REPO\n", stderr), 2;
  Session session(options);
  auto archive = records::Archive::open(options.archive_folder);
  if (!archive.ok()) return fail(archive.error());
  auto progress = [&](uint64_t done, uint64_t total) {
    session.progress().show("adding to " + options.archive_folder, done, total, options.mail.empty() ? "commits" : "messages");
    return true;
  };
  auto added = options.mail.empty() ? archive->add_git(options.git, progress) : archive->add_mail(options.mail, progress);
  if (!added.ok()) return fail(added.error());
  std::printf("%llu added, %llu known before, %llu damaged\n", static_cast<unsigned long long>(added->added), static_cast<unsigned long long>(added->known),
              static_cast<unsigned long long>(added->damaged));
  for (const auto& d : added->damage) std::fprintf(stderr, "inquest: damaged: %s\n", d.c_str());
  return 0;
}

int run_archive_search(const Options& options) {
  auto archive = records::Archive::open_existing(options.archive_folder);
  if (!archive.ok()) return fail(archive.error());
  std::string words;
  if (options.inputs == std::vector<std::string>{"-"}) {  // a stack pasted on standard input
    auto text = Session::read_text("-");
    if (!text.ok()) return fail(text.error());
    words = std::move(*text);
  } else {
    for (const auto& w : options.inputs) words += (words.empty() ? "" : " ") + w;
  }
  auto found = archive->search(words);
  if (!found.ok()) return fail(found.error());
  for (const auto& s : *found) {
    std::printf("%.2f  %s  %s\n      %s\n", s.score, records::date_text(s.head.date).c_str(), s.head.subject.c_str(), s.head.name.c_str());
    for (const auto& a : s.agrees) std::printf("      %s\n", a.c_str());
  }
  return 0;
}

}  // namespace inquest::cli
