// Memory ran out: who holds it. A slab cache that only grows is a leak of the kernel (memory-leak); a task's or a file system's pages are use (out-of-memory).
//
// Whoever asked last is the victim: the report of mm/oom_kill.c tells what memory was, and the dump's caches tell the same.
#include <fmt/format.h>

#include <algorithm>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

using oops::EventKind;

constexpr double kMostOfIt = 0.4;  // of RAM, for one eater to be named

const scene::EventView* report_of(const scene::CrashScene& scene) {
  const scene::EventView* best = nullptr;
  for (const auto& e : scene.events())
    if (e.event.kind == EventKind::kOutOfMemory && (!best || (!best->event.memory.any() && e.event.memory.any()))) best = &e;
  return best;
}

struct Accounts {
  uint64_t page_kb = 4, ram_kb = 0;
  std::optional<uint64_t> anon_kb, shmem_kb, slab_kb;
};

Accounts accounts_of(const scene::CrashScene& scene, const oops::MemoryReport& m) {
  Accounts a;
  if (scene.facts().page_size) a.page_kb = scene.facts().page_size / 1024;
  auto kb = [&](const std::optional<uint64_t>& pages) { return pages ? std::optional(*pages * a.page_kb) : std::nullopt; };
  a.ram_kb = kb(m.ram_pages).value_or(scene.facts().system.memory_bytes.value_or(0) / 1024);
  // Reserved pages were never anybody's to use.
  if (m.reserved_pages && m.ram_pages && *m.reserved_pages < *m.ram_pages) a.ram_kb -= *m.reserved_pages * a.page_kb;
  a.anon_kb = kb(m.anon_pages);
  a.shmem_kb = kb(m.shmem_pages);
  a.slab_kb = kb(m.slab_unreclaimable_pages);
  // The LRU lists count shmem among anonymous pages.
  if (a.anon_kb && a.shmem_kb) a.anon_kb = *a.anon_kb > *a.shmem_kb ? *a.anon_kb - *a.shmem_kb : 0;
  return a;
}

void name_cache(const scene::CrashScene& scene, Verdict& v, Dossier& dossier, const oops::MemoryReport& m) {
  auto largest = scene.largest_caches(1);
  std::string cache;
  if (!largest.empty()) {
    const auto& use = largest.front();
    cache = use.cache;
    cite(v, dossier.add(Origin::kMemory, fmt::format("the cache {} holds {} KiB in {} slabs: room for {} objects of {} bytes", cache, use.bytes / 1024, use.slabs, use.objects, use.object_size),
                        "kmem -s " + cache, {{"cache", cache}, {"bytes", fmt::format("{}", use.bytes)}, {"objects", fmt::format("{}", use.objects)}}));
    v.object.type = scene.type_of_cache(cache, use.object_size);
  } else if (!m.slabs.empty()) {
    auto most = std::max_element(m.slabs.begin(), m.slabs.end(), [](const auto& a, const auto& b) { return a.total_kb < b.total_kb; });
    cache = most->cache;
  }
  v.object.cache = cache;
}

void name_allocator(const scene::CrashScene& scene, const scene::EventView& event, Verdict& v, Dossier& dossier) {
  auto sites = scene.allocators_of(v.object.cache);
  for (const auto& site : sites) {
    std::string place = source_text(site.source);
    cite(v, dossier.add(Origin::kCode, fmt::format("{} allocates from {}", place.empty() ? site.function : place, v.object.cache), "dis -lx " + bare_hex(site.pc), {{"function", site.function}}));
  }
  // The task that asked last may be the one that leaks: only if it was asking for just this.
  auto at = frame_named(event.frames, {"kmem_cache_alloc", "kmem_cache_alloc_noprof", "kmem_cache_alloc_node", "kmem_cache_alloc_lru"});
  Guilty asked = at ? guilty_of({event.frames.begin() + long(*at), event.frames.end()}) : Guilty{};
  for (const auto& s : sites)
    if (!asked.function.empty() && (s.function == asked.function || s.function == event.frames[*at].symbol)) {
      v.guilty = asked;
      return;
    }
  if (!sites.empty()) v.guilty = guilty_site(scene, sites.front());
  else v.guilty = asked;
}

Verdicts leak(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier, const scene::EventView& event, const Accounts& a) {
  Verdict v;
  v.cause = "memory-leak";
  cite(v, add_event(dossier, event));
  cite(v, dossier.add(Origin::kLog, fmt::format("{} of {} KiB of memory were in slab caches that cannot be reclaimed", *a.slab_kb, a.ram_kb), "event " + event.id, {{"slab_kb", fmt::format("{}", *a.slab_kb)}}));
  name_cache(scene, v, dossier, event.event.memory);
  name_allocator(scene, event, v, dossier);
  v.confidence = v.object.cache.empty() ? 0.7 : 0.9;
  if (&event != seen.fatal) v.confidence = 0.5;  // the machine died of something else, or this is another boot's
  v.summary = fmt::format("Memory ran out because the kernel's own objects hold it: the slab cache {}{} holds {} of {} KiB.", v.object.cache.empty() ? "(not known which)" : v.object.cache,
                          v.object.type.empty() ? "" : fmt::format(" ({})", v.object.type), *a.slab_kb, a.ram_kb);
  if (!v.guilty.function.empty()) v.summary += fmt::format(" {} allocates them.", v.guilty.function);
  v.alternatives.push_back({"out-of-memory", "no task and no file system holds as much: the tasks' and files' pages are the smaller part"});
  v.would_settle.push_back("who should have freed the objects: what still points at them (`references`)");
  return {v};
}

std::string largest_task(const oops::MemoryReport& m, uint64_t page_kb, uint64_t* kb, int* pid) {
  auto most = std::max_element(m.tasks.begin(), m.tasks.end(), [](const auto& a, const auto& b) { return a.rss_pages < b.rss_pages; });
  if (most == m.tasks.end()) return "";
  *kb = most->rss_pages * page_kb;
  *pid = most->pid;
  return most->comm;
}

}  // namespace

Verdicts out_of_memory(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  const auto* event = report_of(scene);
  if (!event || !seen.fatal) return {};
  const auto& m = event->event.memory;
  Accounts a = accounts_of(scene, m);
  if (a.slab_kb && a.ram_kb && double(*a.slab_kb) > kMostOfIt * double(a.ram_kb)) return leak(scene, seen, dossier, *event, a);
  Verdict v;
  v.cause = "out-of-memory";
  v.confidence = event == seen.fatal ? 0.75 : 0.5;
  cite(v, add_event(dossier, *event));
  uint64_t kb = 0;
  int pid = 0;
  std::string task = largest_task(m, a.page_kb, &kb, &pid);
  bool shmem = a.shmem_kb && a.ram_kb && double(*a.shmem_kb) > kMostOfIt * double(a.ram_kb);
  bool eaten = a.ram_kb && double(kb) > kMostOfIt * double(a.ram_kb);
  if (!task.empty())
    cite(v, dossier.add(Origin::kLog, fmt::format("the task with most memory of its own is {} (pid {}): {} KiB of {}", task, pid, kb, a.ram_kb), "event " + event->id, {{"task", task}, {"kb", fmt::format("{}", kb)}}));
  if (shmem) cite(v, dossier.add(Origin::kLog, fmt::format("{} of {} KiB are pages of tmpfs or shared memory, which no task's end frees", *a.shmem_kb, a.ram_kb), "event " + event->id,
                                 {{"shmem_kb", fmt::format("{}", *a.shmem_kb)}}));
  std::string asked = event->event.comm.empty() ? "" : event->event.comm;
  if (eaten) {
    v.confidence = 0.9;
    v.guilty.task = task;
    v.summary = fmt::format("Memory ran out because the task {} (pid {}) holds {} of {} KiB.", task, pid, kb, a.ram_kb);
    if (!asked.empty() && asked != task) v.summary += fmt::format(" {}, which asked last, is the victim.", asked);
  } else if (shmem) {
    v.confidence = 0.85;
    v.guilty.task = asked;
    v.summary = fmt::format("Memory ran out because files in memory (tmpfs, shared memory) hold {} of {} KiB; {} was the task that wrote or asked last.", *a.shmem_kb, a.ram_kb, asked.empty() ? "an unknown task" : asked);
    v.would_settle.push_back("which file system the pages belong to, and who wrote them");
  } else {
    v.guilty.task = task;
    v.summary = fmt::format("Memory ran out; nobody alone holds most of it{}.", task.empty() ? "" : fmt::format(", the largest task is {} with {} KiB", task, kb));
    v.would_settle.push_back("what holds the rest: page tables, vmalloc, pages taken by drivers");
  }
  v.alternatives.push_back({"memory-leak", "the kernel's own caches hold the smaller part"});
  return {v};
}

}  // namespace inquest::inquiry::causes
