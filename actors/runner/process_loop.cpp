#include "actors/runner/process_loop.hpp"

#include "schemas/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace cadre::actors {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t stderr_tail_bytes = 8 * 1024;
constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::uint64_t wake_tag = 0;
constexpr milliseconds kin_look_every{1'000};

std::int64_t bytes_waiting(int fd) {
  int count = 0;
  return fd >= 0 && ioctl(fd, FIONREAD, &count) == 0 ? count : 0;
}

std::vector<std::string> environment(const process_spec& spec, const std::string& scratch) {
  std::map<std::string, std::string> all{
      {"PATH", search_path()}, {"HOME", scratch}, {"TMPDIR", scratch}, {"LANG", "C.UTF-8"}, {"TZ", "UTC"}};
  for (const auto& [name, value] : spec.env) all[name] = value;
  all["CADRE_COMPANY"] = spec.company;
  all["CADRE_AGENT"] = spec.agent;
  all["CADRE_NODE"] = spec.node;
  all["CADRE_RUN"] = spec.run;
  all[std::string{mark_variable}] = scratch;
  std::vector<std::string> out;
  out.reserve(all.size());
  for (const auto& [name, value] : all) out.push_back(name + '=' + value);
  return out;
}

}  // namespace

process_host::loop::loop(process_host_options options)
    : processes_max_{options.processes_max},
      claim_{std::move(options.scratch_base)},
      scratch_{claim_.base()},
      kin_{claim_.base()},
      epoll_{epoll_create1(EPOLL_CLOEXEC)},
      wake_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)},
      buffer_(read_bytes) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = wake_tag}};
  if (!epoll_ || !wake_ || epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0)
    throw std::system_error{errno, std::generic_category(), "process host"};
  // spawn() relies on this, and a write to a program that has closed its stdin then yields EPIPE, not SIGPIPE.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread{[this] { run(); }};
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

process_host::loop::~loop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake();
  thread_.join();
}

result<process_id> process_host::loop::start(process_spec spec, process_callbacks callbacks) {
  if (running_.fetch_add(1) >= processes_max_) {
    running_.fetch_sub(1);
    return fail(errc::busy, "already " + std::to_string(processes_max_) + " processes run on this node");
  }
  const process_id id{next_id_.fetch_add(1)};
  give([this, id, s = std::move(spec), c = std::move(callbacks)]() mutable { begin(id, std::move(s), std::move(c)); });
  return id;
}

void process_host::loop::kill(process_id id, milliseconds grace) {
  give([this, id, grace] {
    const auto found = children_.find(id);
    if (found == children_.end()) return;
    perform(found->second, found->second.end.stop(clock::now(), grace));
    watch_stdout(found->second);
  });
}

void process_host::loop::set_paused(process_id id, bool paused) {
  give([this, id, paused] {
    const auto found = children_.find(id);
    if (found == children_.end()) return;
    found->second.paused = paused;
    watch_stdout(found->second);
  });
}

void process_host::loop::give(std::function<void()> order) {
  {
    const std::lock_guard lock{mutex_};
    orders_.push_back(std::move(order));
  }
  wake();
}

void process_host::loop::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

void process_host::loop::run() {
  std::array<epoll_event, 64> events;
  while (true) {
    take_orders();
    advance_children();
    look_at_kin();
    {
      const std::lock_guard lock{mutex_};
      if (stopping_ && orders_.empty() && children_.empty()) return;
    }
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), wait_ms());
    for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)].data.u64);
  }
}

void process_host::loop::take_orders() {
  std::vector<std::function<void()>> orders;
  bool stopping = false;
  {
    const std::lock_guard lock{mutex_};
    orders.swap(orders_);
    stopping = stopping_;
  }
  for (const auto& order : orders) order();
  if (!stopping) return;
  for (auto& [id, c] : children_) perform(c, c.end.stop(clock::now(), milliseconds{0}));
}

int process_host::loop::wait_ms() const {
  if (children_.empty()) return -1;
  steady_time first = kin_looked_at_ + kin_look_every;
  for (const auto& [id, c] : children_) {
    if (c.settled && !c.held()) return 0;
    const auto due = c.end.next_tick();
    if (due) first = std::min(first, *due);
  }
  const auto left = std::chrono::ceil<milliseconds>(first - clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void process_host::loop::handle(std::uint64_t tag) {
  if (tag == wake_tag) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t size = read(wake_.get(), &count, sizeof count);
    return;
  }
  const auto found = children_.find(process_id{tag >> 2});
  if (found == children_.end()) return;
  child& c = found->second;
  switch (static_cast<source>(tag & 3)) {
    case source::out:
      read_stdout(c);
      break;
    case source::err:
      read_stderr(c);
      break;
    case source::in:
      write_stdin(c);
      break;
    case source::leader:
      reap(c);
      break;
  }
}

void process_host::loop::advance_children() {
  for (auto next = children_.begin(); next != children_.end();) {
    const auto here = next++;
    child& c = here->second;
    perform(c, c.end.tick(clock::now()));
    if (!c.end.dead()) continue;
    settle(c);
    // One piece of the rest per round: a pause() from within on_stdout takes effect between rounds.
    if (c.stdout_left > 0 && !c.end.stopped_by_caller() && (c.held() || (read_stdout(c) && c.stdout_left > 0)))
      continue;
    c.end.describe(c.wait_status, c.info);
    c.info.stderr_tail = clean_text(c.stderr_tail);
    scratch_.remove(std::move(c.scratch));
    if (c.callbacks.on_exit) c.callbacks.on_exit(c.info);
    children_.erase(here);
    running_.fetch_sub(1);
  }
}

result<spawned> process_host::loop::try_spawn(const process_spec& spec, const std::string& scratch) const {
  const std::string cwd = spec.cwd.empty() ? scratch : spec.cwd;
  const auto program = resolve_program(spec.argv.front(), cwd);
  if (!program) return tl::unexpected{program.error()};
  return spawn({.program = *program,
                .argv = spec.argv,
                .env = environment(spec, scratch),
                .cwd = cwd,
                .memory_bytes_max = spec.memory_bytes_max,
                .open_files_max = spec.open_files_max});
}

void process_host::loop::begin(process_id id, process_spec spec, process_callbacks callbacks) {
  const auto scratch = scratch_.make();
  auto os = scratch ? try_spawn(spec, *scratch) : result<spawned>{tl::unexpected{scratch.error()}};
  if (!os) {
    if (scratch) scratch_.remove(*scratch);
    exit_info info;
    info.how = exit_info::end::not_started;
    info.start_error = os.error();
    if (callbacks.on_exit) callbacks.on_exit(info);
    running_.fetch_sub(1);
    return;
  }
  child fresh{.id = id,
              .callbacks = std::move(callbacks),
              .end = child_end{clock::now(), spec.timeout, spec.grace},
              .os = *std::move(os),
              .scratch = *scratch,
              .stdin_text = std::move(spec.stdin_text),
              .stderr_tail = {},
              .info = {}};
  child& c = children_.emplace(id, std::move(fresh)).first->second;
  watch(c, source::leader, c.os.pidfd.get(), EPOLLIN);
  watch(c, source::err, c.os.stderr_pipe.get(), EPOLLIN);
  watch_stdout(c);
  write_stdin(c);
  if (c.os.stdin_pipe) watch(c, source::in, c.os.stdin_pipe.get(), EPOLLOUT);
  if (c.callbacks.on_started) c.callbacks.on_started(c.os.pid);
}

void process_host::loop::perform(child& c, child_action action) {
  switch (action) {
    case child_action::none:
      return;
    case child_action::terminate:
      ::kill(-c.os.pid, SIGTERM);
      // A stopped process would not notice.
      ::kill(-c.os.pid, SIGCONT);
      for (const process_entry& kin : kin_of(c).living) {
        if (kin.group == c.os.pid) continue;
        signal_exactly(kin, SIGTERM);
        signal_exactly(kin, SIGCONT);
      }
      return;
    case child_action::kill:
      ::kill(-c.os.pid, SIGKILL);
      return;
    case child_action::check: {
      const auto [living, undecided] = kin_of(c);
      for (const process_entry& kin : living) signal_exactly(kin, SIGKILL);
      // Who forks while he is looked at may be missed: where there was somebody, two looks in a row must find nobody.
      const bool seen_before = std::exchange(c.kin_seen, undecided || !living.empty());
      c.end.group_checked(clock::now(), seen_before || c.kin_seen);
      return;
    }
  }
}

/// While its leader is not reaped: what hides from us and is older than it is not of it.
void process_host::loop::note_start(child& c) {
  if (c.start_ticks != 0) return;
  if (const auto leader = read_entry(c.os.pid)) c.start_ticks = leader->start_ticks;
}

std::vector<run_kin> process_host::loop::runs() const {
  std::vector<run_kin> out;
  out.reserve(children_.size());
  // Once a leader is reaped, its pid may be anyone's.
  for (const auto& [id, c] : children_) out.push_back({c.os.pidfd ? c.os.pid : 0, c.start_ticks, c.scratch});
  return out;
}

/// Living descendants of its leader, wherever they went.
kin_finder::kin process_host::loop::kin_of(child& c) {
  const bool leader_there = static_cast<bool>(c.os.pidfd);
  if (leader_there) note_start(c);
  auto out = kin_.members({c.os.pid, c.start_ticks, c.scratch}, runs());
  if (leader_there) add_descendants(c.os.pid, out.living);
  return out;
}

void process_host::loop::look_at_kin() {
  const auto now = clock::now();
  if (children_.empty() || now - kin_looked_at_ < kin_look_every) return;
  kin_looked_at_ = now;
  kin_.look(runs());
}

void process_host::loop::watch(child& c, source what, int fd, std::uint32_t events) {
  const std::uint64_t tag = (static_cast<std::uint64_t>(c.id) << 2) | static_cast<std::uint64_t>(what);
  epoll_event event{.events = events, .data = {.u64 = tag}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

void process_host::loop::watch_stdout(child& c) {
  const bool wanted = c.os.stdout_pipe && !c.held() && !c.settled;
  if (wanted == c.out_watched) return;
  c.out_watched = wanted;
  // Removed rather than masked: epoll reports a hang-up even to those who asked for no events.
  if (wanted)
    watch(c, source::out, c.os.stdout_pipe.get(), EPOLLIN);
  else
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, c.os.stdout_pipe.get(), nullptr);
}

/// Writes one piece, so that a large request does not hold up other processes.
void process_host::loop::write_stdin(child& c) {
  if (!c.os.stdin_pipe) return;
  const ssize_t size =
      write(c.os.stdin_pipe.get(), c.stdin_text.data() + c.stdin_sent, c.stdin_text.size() - c.stdin_sent);
  if (size < 0 && errno == EAGAIN) return;
  if (size >= 0) c.stdin_sent += static_cast<std::size_t>(size);
  // On an error it does not want the rest: its right.
  if (size >= 0 && c.stdin_sent < c.stdin_text.size()) return;
  c.os.stdin_pipe.reset();
  c.stdin_text = {};
}

/// Reads one piece. False if there was none.
bool process_host::loop::read_stdout(child& c) {
  if (!c.os.stdout_pipe || c.held()) return false;
  const std::size_t wanted =
      c.settled ? std::min(buffer_.size(), static_cast<std::size_t>(c.stdout_left)) : buffer_.size();
  const ssize_t size = read(c.os.stdout_pipe.get(), buffer_.data(), wanted);
  if (size < 0 && errno == EAGAIN) return false;
  if (size <= 0) {
    c.os.stdout_pipe.reset();
    c.out_watched = false;
    return false;
  }
  c.info.stdout_bytes += size;
  if (c.settled) c.stdout_left -= size;
  if (!c.end.stopped_by_caller() && c.callbacks.on_stdout)
    c.callbacks.on_stdout({buffer_.data(), static_cast<std::size_t>(size)});
  return true;
}

void process_host::loop::read_stderr(child& c) {
  if (!c.os.stderr_pipe) return;
  const ssize_t size = read(c.os.stderr_pipe.get(), buffer_.data(), buffer_.size());
  if (size < 0 && errno == EAGAIN) return;
  if (size <= 0) return c.os.stderr_pipe.reset();
  c.stderr_tail.append(buffer_.data(), static_cast<std::size_t>(size));
  if (c.stderr_tail.size() > stderr_tail_bytes) c.stderr_tail.erase(0, c.stderr_tail.size() - stderr_tail_bytes);
}

void process_host::loop::reap(child& c) {
  if (!c.os.pidfd) return;
  note_start(c);
  // The group is killed while its dead leader still holds its id: afterwards the id might be another group's.
  perform(c, c.end.leader_exited(clock::now()));
  rusage used{};
  if (wait4(c.os.pid, &c.wait_status, 0, &used) != c.os.pid) c.wait_status = W_EXITCODE(127, 0);
  c.os.pidfd.reset();
  // Until exec the child shared our memory, and the kernel counts that as its own peak.
  rusage ours{};
  getrusage(RUSAGE_SELF, &ours);
  if (used.ru_maxrss > ours.ru_maxrss) c.info.rss_bytes_max = std::int64_t{used.ru_maxrss} * 1024;
}

/// The group is dead, so the pipes hold all that it will ever say. Counting first keeps a process that left the group
/// and still writes from holding up the end.
void process_host::loop::settle(child& c) {
  if (c.settled) return;
  for (auto left = bytes_waiting(c.os.stderr_pipe.get()); left > 0; left -= static_cast<std::int64_t>(read_bytes))
    read_stderr(c);
  c.stdout_left = bytes_waiting(c.os.stdout_pipe.get());
  c.settled = true;
  watch_stdout(c);
}

}  // namespace cadre::actors
