#include "actors/launch/up.hpp"

#include "actors/launch/background.hpp"
#include "actors/launch/helper_thread.hpp"
#include "actors/launch/private_nats.hpp"
#include "actors/launch/private_postgres.hpp"
#include "actors/launch/process_keeper.hpp"
#include "actors/launch/replicated_postgres.hpp"
#include "actors/launch/state_dir.hpp"
#include "config/load.hpp"
#include "schemas/time.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <unistd.h>

namespace cadre::launch {

namespace {

using clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr milliseconds step_time{20};
constexpr milliseconds probe_pause{50};
constexpr milliseconds helper_grace{10'000};
constexpr int interrupted = 130;
constexpr std::size_t log_lines_shown = 15;

std::string own_program() {
  std::error_code error;
  auto path = fs::read_symlink("/proc/self/exe", error).string();
  constexpr std::string_view replaced = " (deleted)";
  if (path.ends_with(replaced)) path.resize(path.size() - replaced.size());
  return path;
}

/// Lines for people, on stdout and in logs/up.log.
class voice {
 public:
  explicit voice(const std::string& log_file) {
    rotate_log(log_file);
    try {
      log_ =
          std::make_shared<spdlog::logger>("up", std::make_shared<spdlog::sinks::basic_file_sink_mt>(log_file, false));
      log_->flush_on(spdlog::level::info);
    } catch (const spdlog::spdlog_ex& e) {
      std::fprintf(stderr, "cadre up: no log: %s\n", e.what());
    }
  }

  void say(std::string_view line) {
    if (log_) log_->info(line);
    if (silent_) return;
    std::fprintf(stdout, "%.*s\n", static_cast<int>(line.size()), line.data());
    std::fflush(stdout);
  }

  /// Why it can't go on: on stderr and in the log.
  void complain(const std::string& message) {
    if (log_) log_->error(message);
    std::fprintf(stderr, "cadre up: %s\n", message.c_str());
  }

  /// Only the log from here on.
  void silence() { silent_ = true; }

 private:
  std::shared_ptr<spdlog::logger> log_;
  bool silent_ = false;
};

/// One run of `up`, from the lock to the last stopped server.
class launcher {
 public:
  launcher(const up_options& options, const config::company& company, state_dir state, background* back)
      : options_(options),
        company_(company),
        state_(std::move(state)),
        back_(back),
        voice_(state_.log("up")),
        keeper_(options.restarts, [this](std::string_view line) { voice_.say("! " + std::string(line)); }) {
    runtime_.company = company.name;
    runtime_.config = fs::absolute(options.config).lexically_normal().string();
    runtime_.state = state_.path();
    runtime_.since = to_iso(now());
    runtime_.pid = ::getpid();
    for (const auto& node : company.nodes) runtime_.nodes.push_back({node.name, 0});
    keeper_.on_change = [this] { publish(); };
    keeper_.on_hangup = [this] {
      voice_.say(options_.on_hangup ? "reloading" : "SIGHUP is ignored; use cadre reload");
      if (options_.on_hangup) options_.on_hangup(runtime_);
    };
  }

  int run() {
    auto code = go();
    if (!keeper_.stopping()) keeper_.stop();
    while (!keeper_.stopped()) keeper_.step(milliseconds{1'000});
    remove_runtime(state_.path());
    if (keeper_.hurried()) code = interrupted;
    voice_.say(company_.name + " is down; its state is kept in " + state_.path());
    return code;
  }

 private:
  int go() {
    const auto steps = {&launcher::start_postgres, &launcher::start_nats, &launcher::make_database,
                        &launcher::start_nodes};
    for (const auto step : steps) {
      if (auto done = (this->*step)(); !done) return refuse(done.error());
    }
    int code = 0;
    if (options_.when_ready) {
      const auto called = call([&](std::stop_token stop) { code = options_.when_ready(runtime_copy(), stop); });
      if (!called) return refuse(called.error());
    }
    if (options_.once) return keeper_.stopping() ? interrupted : code;
    show_how_to_go_on();
    if (back_ != nullptr) {
      voice_.silence();
      back_->ready(0, state_.log("up"));
    }
    while (!keeper_.stopped()) keeper_.step(milliseconds{1'000});
    return 0;
  }

  int refuse(const failure& why) {
    if (keeper_.stopping()) return interrupted;
    voice_.complain(why.message);
    return 1;
  }

  result<void> start_postgres() {
    auto passwords = state_.load_secrets();
    if (!passwords) return tl::unexpected<failure>{passwords.error()};
    secrets_ = *passwords;
    auto& db = runtime_.database;
    db.migrator_password = secrets_.cadre_migrator;
    db.writer_password = secrets_.cadre_writer;
    db.reader_password = secrets_.cadre_reader;
    if (!options_.postgres_url.empty()) return take_postgres(options_.postgres_url);
    if (replicated()) return start_replicated_postgres();

    const auto begin = clock::now();
    if (!fs::exists(state_.postgres() + "/data")) voice_.say("postgres      is made in " + state_.postgres());
    auto made = private_postgres::prepare(state_, secrets_.postgres_superuser);
    if (!made) return tl::unexpected<failure>{made.error()};
    const auto postgres = *made;
    keeper_.add(private_postgres::spec(postgres));
    auto ready = wait_for("postgres", "postgres", begin, [&] { return postgres->ready(keeper_.pid_of("postgres")); });
    if (!ready) return ready;
    return take_postgres(postgres->url(private_postgres::superuser, secrets_.postgres_superuser, "postgres"));
  }

  [[nodiscard]] bool replicated() const { return options_.replicated || recorded_primary(state_.path()).has_value(); }

  result<void> start_replicated_postgres() {
    const auto begin = clock::now();
    auto made = replicated_postgres::prepare(state_, secrets_.postgres_superuser);
    if (!made) return tl::unexpected<failure>{made.error()};
    const auto both = *made;
    const auto& superuser = private_postgres::superuser;
    if (both->replica_is_new()) voice_.say(both->replica() + "    is made as a replica of " + both->primary());
    for (const auto& name : {both->primary(), both->replica()}) {
      const bool copies = name == both->replica() && both->replica_is_new();
      keeper_.add(replicated_postgres::spec(both, name));
      auto ready = wait_for(
          name, name, begin, [&] { return both->ready(name, keeper_.pid_of(name)); },
          copies ? options_.copy_limit : options_.ready_limit);
      if (!ready) return ready;
      runtime_.servers.push_back({name, both->url_of(name, superuser, secrets_.postgres_superuser, "postgres"), 0});
    }
    return take_postgres(both->url(superuser, secrets_.postgres_superuser, "postgres"));
  }

  /// Fills in the URLs of the roles on the server that `superuser_url` names.
  result<void> take_postgres(const std::string& superuser_url) {
    auto& db = runtime_.database;
    db.superuser_url = superuser_url;
    const std::tuple<const char*, const std::string&, std::string&> roles[] = {
        {"cadre_migrator", db.migrator_password, db.migrator_url},
        {"cadre_writer", db.writer_password, db.writer_url},
        {"cadre_reader", db.reader_password, db.reader_url}};
    for (const auto& [role, password, url] : roles) {
      auto made = with_login(superuser_url, role, password, db.database);
      if (!made) return tl::unexpected<failure>{made.error()};
      url = *made;
    }
    return {};
  }

  result<void> start_nats() {
    runtime_.nats_url = options_.nats_url;
    if (!options_.nats_url.empty()) return {};
    if (replicated()) return start_nats_cluster();
    const auto begin = clock::now();
    auto made = private_nats::prepare(state_, secrets_.nats, options_.nats_port);
    if (!made) return tl::unexpected<failure>{made.error()};
    const auto nats = *made;
    keeper_.add(private_nats::spec(nats));
    auto ready = wait_for("nats", "nats", begin, [&] { return keeper_.pid_of("nats") != 0 && nats->ready(); });
    runtime_.nats_url = nats->url();
    return ready;
  }

  result<void> start_nats_cluster() {
    const auto begin = clock::now();
    auto made = private_nats::prepare_cluster(state_, secrets_.nats, options_.nats_port);
    if (!made) return tl::unexpected<failure>{made.error()};
    for (const auto& member : *made) keeper_.add(private_nats::spec(member));
    for (const auto& member : *made) {
      const auto& name = member->name();
      auto ready = wait_for(name, name, begin, [&] { return keeper_.pid_of(name) != 0 && member->ready(); });
      if (!ready) return ready;
      runtime_.nats_url += (runtime_.nats_url.empty() ? "" : ",") + member->url();
      runtime_.servers.push_back({name, member->url(), 0});
    }
    return {};
  }

  result<void> make_database() {
    const auto begin = clock::now();
    result<void> made;
    const auto called = call([&](std::stop_token stop) {
      if (options_.prepare_database) made = options_.prepare_database(runtime_copy(), std::move(stop));
    });
    if (!called) return called;
    if (!made) return made;
    say_ready("database", begin);
    published_ = true;
    publish();
    return save_runtime(runtime_);
  }

  result<void> start_nodes() {
    const auto begin = clock::now();
    for (const auto& node : runtime_.nodes) keeper_.add(node_spec(node.name));
    for (const auto& node : runtime_.nodes) {
      std::function<bool()> ready = [this, &node] { return keeper_.pid_of("node " + node.name) != 0; };
      std::optional<helper_thread> probe;
      if (options_.node_ready) {
        probe.emplace([this, copy = runtime_copy(), name = node.name](const std::stop_token& stop) {
          while (!stop.stop_requested() && !options_.node_ready(copy, name)) std::this_thread::sleep_for(probe_pause);
        });
        ready = [&probe] { return probe->done(); };
      }
      auto done = wait_for("node " + node.name, "node-" + node.name, begin, ready);
      if (!done) return done;
      if (probe && !probe->failure().empty()) return fail(errc::unreachable, probe->failure());
    }
    return {};
  }

  child_spec node_spec(const std::string& name) {
    child_spec out;
    out.name = "node " + name;
    out.policy = {2, options_.node_grace, SIGTERM, SIGKILL};
    out.make = [this, name]() -> result<program> {
      program what;
      // The running file itself: a build may have replaced the one on disk by another version.
      what.path = options_.node_program.empty() ? "/proc/self/exe" : options_.node_program;
      const auto shown = options_.node_program.empty() ? own_program() : options_.node_program;
      what.argv = {shown, "node", "--name", name, "--config", runtime_.config, "--state", runtime_.state};
      what.env = environment_without("");
      what.folder = company_.folder.empty() ? fs::path(runtime_.config).parent_path().string() : company_.folder;
      what.log_file = state_.log("node-" + name);
      rotate_log(what.log_file);
      return what;
    };
    return out;
  }

  /// Waits until `ready`; an error with the end of its log if the child keeps dying or the time runs out.
  result<void> wait_for(const std::string& child, const std::string& log, clock::time_point begin,
                        const std::function<bool()>& ready, std::optional<milliseconds> other_limit = {}) {
    const auto limit = other_limit.value_or(options_.ready_limit);
    const auto deadline = clock::now() + limit;
    const auto report = [&](const std::string& what) {
      return fail(errc::unreachable, child + " " + what + ". End of " + state_.log(log) + ":\n" +
                                         tail_of(state_.log(log), log_lines_shown));
    };
    while (!ready()) {
      if (keeper_.stopping()) return fail(errc::cancelled, "interrupted");
      if (keeper_.deaths_of(child) >= options_.start_attempts) return report(keeper_.last_death_of(child));
      if (clock::now() >= deadline) {
        return report("is not ready after " + std::to_string(limit.count() / 1000) + " s");
      }
      keeper_.step(step_time);
    }
    say_ready(child, begin);
    return {};
  }

  void say_ready(const std::string& what, clock::time_point begin) {
    const std::chrono::duration<double> took = clock::now() - begin;
    std::array<char, 160> line{};
    std::snprintf(line.data(), line.size(), "%-24s ready %6.1f s", what.substr(0, 80).c_str(), took.count());
    voice_.say(line.data());
  }

  /// Runs a function that may block while the children are watched.
  result<void> call(std::function<void(std::stop_token)> work) {
    helper_thread helper(std::move(work));
    std::optional<clock::time_point> abandoned_at;
    while (!helper.done()) {
      keeper_.step(milliseconds{1'000}, helper.done_fd());
      if (keeper_.stopping()) helper.request_stop();
      if (!keeper_.stopped()) continue;
      if (!abandoned_at) abandoned_at = clock::now() + helper_grace;
      if (clock::now() < *abandoned_at) continue;
      // It hangs on something that is gone. Everything is stopped: leaving is all that is left to do.
      voice_.say("! work in progress did not give up; leaving");
      remove_runtime(state_.path());
      ::_exit(interrupted);
    }
    if (keeper_.stopping()) return fail(errc::cancelled, "interrupted");
    if (!helper.failure().empty()) return fail(errc::internal, helper.failure());
    return {};
  }

  runtime runtime_copy() const {
    const std::lock_guard guard(runtime_mutex_);
    return runtime_;
  }

  /// Brings the process ids up to date, here and in runtime.json.
  void publish() {
    {
      const std::lock_guard guard(runtime_mutex_);
      for (auto& server : runtime_.servers) server.pid = keeper_.pid_of(server.name);
      const bool several = !runtime_.servers.empty();
      const auto primary = several ? recorded_primary(state_.path()) : std::nullopt;
      runtime_.postgres_pid = keeper_.pid_of(primary.value_or("postgres"));
      runtime_.nats_pid = keeper_.pid_of(several ? "nats-1" : "nats");
      for (auto& node : runtime_.nodes) node.pid = keeper_.pid_of("node " + node.name);
    }
    if (!published_ || keeper_.stopping()) return;
    if (const auto saved = save_runtime(runtime_); !saved) voice_.say("! " + saved.error().message);
  }

  void show_how_to_go_on() {
    std::error_code error;
    const auto here = fs::current_path(error).string();
    auto program = own_program();
    if (program.starts_with(here + "/")) program = program.substr(here.size() + 1);
    const auto place = runtime_.state == here + "/.cadre" ? std::string{} : " --state " + runtime_.state;
    voice_.say(company_.name + " is up: " + std::to_string(runtime_.nodes.size()) + " nodes, pid " +
               std::to_string(runtime_.pid) + ", logs in " + runtime_.state + "/logs");
    voice_.say("  " + program + " status" + place + "   what everyone does");
    voice_.say("  " + program + " inbox" + place + "    what waits for you");
    voice_.say("  " + program + " brief" + place + "    the one page");
    voice_.say("  " + program + " down" + place + "     stops it" + (back_ == nullptr ? "; so does Ctrl-C" : ""));
  }

  const up_options& options_;
  const config::company& company_;
  state_dir state_;
  background* back_;  ///< None in the foreground.
  voice voice_;
  secrets secrets_;
  mutable std::mutex runtime_mutex_;  ///< The helper threads read runtime_; only the main thread writes it.
  runtime runtime_;
  bool published_ = false;
  process_keeper keeper_;
};

std::string contradiction_in(const up_options& options) {
  if (options.once && options.detach) return "--once and --detach exclude each other";
  if (options.replicated && !(options.postgres_url.empty() && options.nats_url.empty()))
    return "--ha makes servers of its own, so it excludes --postgres and --nats";
  if (options.postgres_url.empty()) return {};
  const auto url = with_login(options.postgres_url, "x", "", "x");
  return url ? std::string{} : url.error().message;
}

int usage_error(const std::string& message) {
  std::fprintf(stderr, "cadre up: %s\n", message.c_str());
  return 2;
}

}  // namespace

int run_up(const up_options& options) {
  if (const auto wrong = contradiction_in(options); !wrong.empty()) return usage_error(wrong);
  const auto loaded = config::load_file(options.config);
  for (const auto& problem : loaded.problems) std::fprintf(stderr, "%s\n", problem.text().c_str());
  if (!loaded.ok()) return usage_error(options.config + " has problems; nothing was started");

  // A reader that went away must not end the company.
  std::signal(SIGPIPE, SIG_IGN);
  std::optional<background> back;
  if (options.detach) {
    auto split = background::split();
    if (!split) return usage_error(split.error().message);
    back.emplace(std::move(*split));
    if (back->in_front()) return back->watch();
  }
  const auto folder = options.state.empty() ? state_dir::beside(options.config) : options.state;
  auto state = state_dir::open(folder);
  if (!state) {
    std::fprintf(stderr, "cadre up: %s\n", state.error().message.c_str());
    return 1;
  }
  return launcher(options, loaded.value, std::move(*state), back ? &*back : nullptr).run();
}

}  // namespace cadre::launch
