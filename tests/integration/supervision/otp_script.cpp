#include "otp_script.hpp"

#include <array>
#include <random>

namespace cadre::actors::supervision::otp {

namespace {

using kind = op::kind;

class author {
 public:
  explicit author(std::uint64_t seed) : dice_(seed) { out_.seed = seed; }

  script write() {
    draw_flags();
    const auto children = out_.pool() ? 1 : pick(6);
    for (int i = 0; i < children; ++i) out_.children.push_back(draw_child(std::string(1, static_cast<char>('a' + i))));
    if (!out_.pool() && one_in(12)) out_.failing.emplace_back(some_name(), 1);
    for (int i = 0, n = 3 + pick(14); i < n; ++i) out_.ops.push_back(draw_op());
    return std::move(out_);
  }

 private:
  int pick(int n) { return std::uniform_int_distribution<int>{0, n - 1}(dice_); }
  bool one_in(int n) { return pick(n) == 0; }

  void draw_flags() {
    auto& f = out_.flags;
    f.strategy = static_cast<restart_strategy>(pick(4));
    f.intensity = pick(5);
    f.period = std::chrono::hours{1};
    f.auto_shutdown = one_in(2) ? auto_shutdown::never : static_cast<auto_shutdown>(1 + pick(2));
    // Longer than any child takes to stop: in ours the others go on while one waits for its restart.
    f.wait = {milliseconds{10}, milliseconds{10}, 1.0, 0.0};
    // An order between two attempts: OTP counts an attempt when it is made, we count it when it is planned, so the one
    // that is too many must not be near.
    patient_ = one_in(3);
    if (patient_) f.intensity = 200;
  }

  child draw_child(const std::string& name, bool any = false) {
    child c;
    c.spec.id = {name};
    c.spec.restart = static_cast<restart_type>(pick(3));
    c.when_asked = one_in(4) ? static_cast<manner>(1 + pick(2)) : manner::obeys;
    using how = config::shutdown_time::mode;
    c.spec.shutdown.how = one_in(4) ? how::brutal_kill : one_in(4) ? how::infinity : how::timed;
    c.spec.shutdown.time = milliseconds{c.when_asked == manner::ignores ? 1 : 5'000};
    if (c.when_asked == manner::ignores && c.spec.shutdown.how == how::infinity) c.when_asked = manner::obeys;
    const bool legal = c.spec.restart != restart_type::permanent && out_.flags.auto_shutdown != auto_shutdown::never;
    c.spec.significant = legal ? one_in(2) : (any ? one_in(8) : one_in(60));
    return c;
  }

  std::string some_name() { return std::string(1, static_cast<char>('a' + pick(7))); }

  std::string some_reason() {
    constexpr std::array reasons{"normal", "shutdown", "{shutdown,x}", "boom", "boom", "kill"};
    return reasons[static_cast<std::size_t>(pick(reasons.size()))];
  }

  op draw_op() {
    op o;
    o.name = some_name();
    const auto drawn = pick(20);
    if (drawn < 8) {
      o.what = kind::crash;
      o.reason = some_reason();
      if (patient_ && one_in(2)) make_between(o);
    } else if (drawn < 10) {
      o.what = kind::fail;
      o.times = 1 + pick(3);
    } else {
      draw_order(o);
    }
    return o;
  }

  void draw_order(op& o) {
    const auto drawn = pick(10);
    o.what = drawn < 3 ? kind::terminate : drawn < 5 ? kind::restart : drawn < 6 ? kind::remove : kind::add;
    if (one_in(40)) o.what = kind::stop;
    if (o.what != kind::add) return;
    o.spec = draw_child(o.name, true);
    // Whom `between` names must be one that is restarted.
    auto& restart = o.spec.spec.restart;
    if (patient_ && restart == restart_type::temporary) restart = restart_type::transient;
  }

  void make_between(op& o) {
    std::vector<std::string> able;
    for (const auto& c : out_.children)
      if (c.spec.restart != restart_type::temporary) able.push_back(c.spec.id.text);
    if (able.empty()) return;
    o.what = kind::between;
    if (!out_.pool()) o.name = able[static_cast<std::size_t>(pick(static_cast<int>(able.size())))];
    o.times = 1 + pick(3);
    op then;
    then.name = one_in(2) ? o.name : some_name();
    // Of groups OTP stops the members just before the next attempt and we do so at once, which any order but this
    // shows.
    const bool group = !out_.pool() && out_.flags.strategy != restart_strategy::one_for_one;
    if (group)
      then.what = kind::stop;
    else if (!out_.pool() && one_in(5))
      then.what = kind::which;
    else
      draw_order(then);
    // Children of a pool that wait for their restart have no name in OTP.
    if (out_.pool() && then.name == o.name) then.what = kind::stop;
    o.then.push_back(std::move(then));
  }

  std::mt19937_64 dice_;
  script out_;
  bool patient_ = false;
};

std::string shutdown_term(const config::shutdown_time& t) {
  using how = config::shutdown_time::mode;
  if (t.how == how::brutal_kill) return "brutal_kill";
  return t.how == how::infinity ? "infinity" : std::to_string(t.time.count());
}

std::string fields(const child& c) {
  constexpr std::array manners{"obeys", "ignores", "fails"};
  return c.spec.id.text + "," + std::string{to_text(c.spec.restart)} + "," + shutdown_term(c.spec.shutdown) + "," +
         (c.spec.significant ? "true" : "false") + "," + manners[static_cast<std::size_t>(c.when_asked)];
}

std::string term(const op& o, bool pool) {
  switch (o.what) {
    case kind::crash:
      return "{crash," + o.name + "," + o.reason + "}";
    case kind::fail:
      return "{fail," + o.name + "," + std::to_string(o.times) + "}";
    case kind::between:
      return "{between," + o.name + "," + std::to_string(o.times) + "," + term(o.then.front(), pool) + "}";
    case kind::terminate:
      return "{terminate," + o.name + "}";
    case kind::restart:
      return "{restart," + o.name + "}";
    case kind::remove:
      return "{delete," + o.name + "}";
    case kind::add:
      return "{add," + (pool ? o.name : fields(o.spec)) + "}";
    case kind::which:
      return "which";
    case kind::stop:
      return "stop";
  }
  return {};
}

template <class Items, class Write>
std::string list(const Items& items, Write write) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ",") + write(item);
  return "[" + text + "]";
}

}  // namespace

script draw(std::uint64_t seed) {
  return author{seed}.write();
}

std::string to_term(const script& s) {
  const auto strategy = s.pool() ? "simple_one_for_one" : std::string{to_text(s.flags.strategy)};
  return "{" + std::to_string(s.seed) + ",{" + strategy + "," + std::to_string(s.flags.intensity) + "," +
         std::string{to_text(s.flags.auto_shutdown)} + "},\n " +
         list(s.children, [](const child& c) { return "{" + fields(c) + "}"; }) + ",\n " +
         list(s.failing, [](const auto& f) { return "{fail," + f.first + "," + std::to_string(f.second) + "}"; }) +
         ",\n " + list(s.ops, [&](const op& o) { return term(o, s.pool()); }) + "}.\n";
}

}  // namespace cadre::actors::supervision::otp
