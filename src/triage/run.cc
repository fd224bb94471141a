#include "triage/run.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <map>
#include <new>
#include <numeric>

#include "base/worker_pool.h"
#include "records/text.h"
#include "triage/story.h"
#include "triage/when.h"

namespace inquest::triage {

namespace {

constexpr unsigned kMostJobs = 4;
constexpr double kWorthNaming = 0.1;  // confidence of a candidate fix from which a table names it

constexpr useconds_t kSecondLookMicroseconds = 200'000;

// What a worker tells about an input; in memory shared by all processes of the run.
struct Slot {
  std::atomic<int> outcome;
  char id[40], group[64], why[256];
};

struct Shared {
  std::atomic<uint64_t> next, done;
  std::atomic<int64_t> current[kMostJobs];  // index of the input a worker is at, -1: none
};

void put(char* to, size_t size, const std::string& text) {
  size_t n = std::min(size - 1, text.size());
  std::memcpy(to, text.data(), n);
  to[n] = 0;
}

template <typename T>
T* share(size_t count) {
  void* memory = mmap(nullptr, std::max<size_t>(1, count * sizeof(T)), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<T*>(memory);  // zeroed pages: valid atomics of 0
}

class Worker {
 public:
  Worker(const Request& request, const Inputs& inputs, Shared& shared, Slot* slots, records::Catalogue catalogue)
      : request_(request), inputs_(inputs), shared_(shared), slots_(slots), catalogue_(std::move(catalogue)), owner_(records::Catalogue::this_process()) {}

  // The inputs of `order` as they come, until there are no more.
  void work(const std::vector<size_t>& order, unsigned number) {
    while (true) {
      uint64_t at = shared_.next.fetch_add(1);
      if (at >= order.size()) return;
      size_t i = order[at];
      shared_.current[number] = int64_t(i);
      Slot& slot = slots_[i];
      try {
        examine(inputs_.list[i], slot);
      } catch (const std::bad_alloc&) {
        give_up(slot, Outcome::kFailed, "out of memory");
      }
      shared_.current[number] = -1;
      shared_.done.fetch_add(1);
    }
  }

 private:
  void end(Slot& slot, Outcome outcome, const std::string& why = "") {
    put(slot.why, sizeof slot.why, why);
    slot.outcome = int(outcome);
  }
  // Ends the claim, if there is one, without a record.
  void give_up(Slot& slot, Outcome outcome, const std::string& why) {
    if (slot.id[0]) {
      Result<void> told = outcome == Outcome::kNoCrash ? catalogue_.release(slot.id) : catalogue_.fail(slot.id, why);
      if (!told.ok()) return end(slot, Outcome::kFailed, why + "; " + told.error().message());
    }
    end(slot, outcome, why);
  }

  void examine(const Input& input, Slot& slot) {
    auto opened = request_.open(input.paths);
    std::string path = input.paths.front();
    if (!opened.ok() && !input.fallback.empty()) {
      path = input.fallback;
      opened = request_.open({input.fallback});
    }
    if (!opened.ok()) {
      bool junk = opened.error().code() == ErrorCode::kNotMine && !input.given;
      return end(slot, junk ? Outcome::kNoCrash : Outcome::kFailed, opened.error().message());
    }
    Input read = input;
    if (path == input.fallback) read.paths = {path};
    auto id = id_of(read, (*opened)->is_dump());
    if (!id.ok()) return end(slot, Outcome::kFailed, id.error().message());
    put(slot.id, sizeof slot.id, *id);
    auto claim = claim_again_if_failed(*id, path);
    if (!claim.ok()) return end(slot, Outcome::kFailed, claim.error().message());
    if (*claim == records::Claim::kBusy) return end(slot, Outcome::kBusy, "another process is at it");
    if (*claim == records::Claim::kDone) return repeated(*id, slot);
    auto report = (*opened)->report();
    if (!report.ok() && !input.fallback.empty() && path != input.fallback)
      if (auto text = request_.open({input.fallback}); text.ok()) report = (*text)->report();
    if (!report.ok()) return give_up(slot, Outcome::kFailed, report.error().message());
    if (report->events.empty()) return give_up(slot, Outcome::kNoCrash, (*opened)->is_dump() ? "no event in its log: dumped alive, or its log is lost" : "no event of a kernel in it");
    record(**opened, *report, path, *id, slot);
  }

  Result<records::Claim> claim_again_if_failed(const std::string& id, const std::string& path) {
    TRY(records::Claim claim, catalogue_.claim(id, path, owner_, int64_t(std::time(nullptr))));
    if (claim != records::Claim::kDone || catalogue_.crash(id).ok()) return claim;
    TRY_VOID(catalogue_.retry(id));  // what failed once may work now: debuginfo came, the disk is mended
    return catalogue_.claim(id, path, owner_, int64_t(std::time(nullptr)));
  }

  void repeated(const std::string& id, Slot& slot) {
    auto crash = catalogue_.crash(id);
    if (!crash.ok()) return end(slot, Outcome::kFailed, crash.error().message());
    put(slot.group, sizeof slot.group, crash->group);
    end(slot, Outcome::kRepeated);
  }

  void record(Examination& examination, report::Report& report, const std::string& path, const std::string& id, Slot& slot) {
    records::CrashRecord r = record_of(report, path, examination.is_dump());
    r.input = id;
    auto fix = fixes_.find(r.group);
    if (fix == fixes_.end()) {
      examination.look_for_fix(report);
      std::pair<std::string, std::string> best;
      for (const auto& f : report.fixes)
        if (best.first.empty() && f.score >= kWorthNaming && f.status != "present") best = {f.commit.empty() ? f.message_id : f.commit, f.title};
      fix = fixes_.emplace(r.group, best).first;
    }
    r.fix = fix->second.first;
    r.fix_title = fix->second.second;
    auto recorded = catalogue_.record(r);
    if (!recorded.ok()) return end(slot, Outcome::kFailed, recorded.error().message());
    put(slot.group, sizeof slot.group, r.group);
    end(slot, !recorded->added ? Outcome::kRepeated : recorded->new_group ? Outcome::kNew : Outcome::kKnown);
  }

  const Request& request_;
  const Inputs& inputs_;
  Shared& shared_;
  Slot* slots_;
  records::Catalogue catalogue_;
  std::string owner_;
  std::map<std::string, std::pair<std::string, std::string>> fixes_;  // by group
};

// The worker processes of one run.
class Crew {
 public:
  Crew(const Request& request, const Inputs& inputs, Shared& shared, Slot* slots) : request_(request), inputs_(inputs), shared_(shared), slots_(slots) {}

  void run(std::vector<size_t> order, unsigned jobs) {
    order_ = std::move(order);
    shared_.next = 0;
    for (unsigned n = 0; n < jobs && n < order_.size(); n++) start(n);
    while (!running_.empty()) {
      int status = 0;
      pid_t ended = waitpid(-1, &status, WNOHANG);
      if (ended > 0 && running_.contains(ended)) finish(ended, status);
      if (request_.progress) request_.progress(shared_.done, inputs_.list.size());
      if (ended <= 0) usleep(20'000);
    }
  }

 private:
  void start(unsigned number) {
    shared_.current[number] = -1;
    pid_t parent = getpid();
    std::fflush(nullptr);
    pid_t child = fork();
    if (child > 0) running_[child] = number;
    if (child != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    auto catalogue = records::Catalogue::open(request_.catalogue);
    if (!catalogue.ok()) {
      std::fprintf(stderr, "inquest: %s\n", catalogue.error().message().c_str());
      _exit(1);
    }
    {
      Worker worker(request_, inputs_, shared_, slots_, std::move(*catalogue));
      worker.work(order_, number);
    }
    std::fflush(nullptr);
    _exit(0);
  }

  void finish(pid_t child, int status) {
    unsigned number = running_[child];
    running_.erase(child);
    int64_t at = shared_.current[number];
    if (at < 0) return;
    Slot& slot = slots_[at];
    shared_.done.fetch_add(1);
    int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    bool own_fault = signal == SIGSEGV || signal == SIGABRT || signal == SIGBUS || signal == SIGILL || signal == SIGFPE;
    std::string why = fmt::format("examining it ended with {}", signal ? strsignal(signal) : "an error");
    put(slot.why, sizeof slot.why, why);
    slot.outcome = int(own_fault ? Outcome::kFailed : Outcome::kNotReached);
    // Killed from outside, the claim stays: the next run takes it over.
    if (own_fault && slot.id[0])
      if (auto catalogue = records::Catalogue::open(request_.catalogue); catalogue.ok()) (void)catalogue->fail(slot.id, why).ok();
    if (shared_.next < order_.size() && (own_fault || signal == SIGKILL)) start(number);
  }

  const Request& request_;
  const Inputs& inputs_;
  Shared& shared_;
  Slot* slots_;
  std::vector<size_t> order_;
  std::map<pid_t, unsigned> running_;
};

const scene::EventView* by_id(const report::Report& report, const std::string& id) {
  for (const auto& e : report.events)
    if (e.id == id) return &e;
  return nullptr;
}

}  // namespace

const char* name_of(Outcome outcome) {
  static constexpr const char* kNames[] = {"not-reached", "new", "known", "repeated", "busy", "no-crash", "failed"};
  return kNames[int(outcome)];
}

records::CrashRecord record_of(const report::Report& report, const std::string& path, bool is_dump) {
  records::CrashRecord r;
  Story story = story_of(report);
  r.path = std::filesystem::absolute(path).lexically_normal().string();
  r.release = report.facts.system.release;
  r.group = story.key;
  r.group_title = story.title;
  r.cause = story.place;
  r.panic = story.panic;
  if (is_dump) r.time = report.facts.system.date.value_or(0);
  for (const std::string& id : {story.death_id, story.cause_id})
    if (const auto* event = by_id(report, id); event && r.time == 0) r.time = date_of_wall_time(event->event.wall_time);
  if (r.time == 0) r.time = date_of_path(r.path);
  if (!report.inquiry.verdicts.empty()) {
    const auto& v = report.inquiry.verdicts.front();
    r.verdict = v.cause;
    r.confidence = v.confidence;
    r.summary = records::shorten(records::squeeze(v.summary), 400);
  }
  return r;
}

Result<Outcomes> run_triage(const Request& request) {
  Outcomes out;
  {
    TRY(records::Catalogue catalogue, records::Catalogue::open(request.catalogue));
    TRY(std::vector<records::CrashGroup> before, catalogue.groups());
    for (const auto& g : before) out.known_before.insert(g.key);
  }
  Inputs inputs = find_inputs(request.given, records::Catalogue::is_server(request.catalogue) ? std::vector<std::string>{} : std::vector<std::string>{request.catalogue});
  out.unreadable = inputs.unreadable;
  Shared* shared = share<Shared>(1);
  Slot* slots = share<Slot>(inputs.list.size());
  if (!shared || !slots) return Error(ErrorCode::kLimit, "no memory for the list of inputs");
  if (!inputs.list.empty()) {
    unsigned jobs = request.jobs ? std::min(request.jobs, kMostJobs) : std::min(worker_count(), kMostJobs);
    Crew crew(request, inputs, *shared, slots);
    std::vector<size_t> order(inputs.list.size()), busy;
    std::iota(order.begin(), order.end(), size_t(0));
    crew.run(order, jobs);
    // Who held those may be done by now, or just have been killed.
    for (size_t i : order)
      if (Outcome(int(slots[i].outcome)) == Outcome::kBusy) busy.push_back(i);
    shared->done.fetch_sub(busy.size());
    if (!busy.empty()) usleep(kSecondLookMicroseconds);
    crew.run(busy, jobs);
  }
  for (size_t i = 0; i < inputs.list.size(); i++)
    out.inputs.push_back({inputs.list[i].paths.front(), Outcome(int(slots[i].outcome)), slots[i].group, slots[i].why});
  munmap(slots, std::max<size_t>(1, inputs.list.size() * sizeof(Slot)));
  munmap(shared, sizeof(Shared));
  TRY(records::Catalogue catalogue, records::Catalogue::open(request.catalogue));
  TRY(out.groups, catalogue.groups());
  return out;
}

}  // namespace inquest::triage
