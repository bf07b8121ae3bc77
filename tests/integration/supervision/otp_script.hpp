#pragma once

#include "actors/supervision/machine.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// Random scripts for a supervisor, drawn from a seed: the same for OTP's and for ours.
namespace cadre::actors::supervision::otp {

/// What a child does when it is asked to stop.
enum class manner : std::uint8_t { obeys, ignores, fails };

struct child {
  child_spec spec;
  manner when_asked = manner::obeys;
};

/// One step of a script.
struct op {
  enum class kind : std::uint8_t {
    crash,    ///< The child ends with `reason`.
    fail,     ///< Its next `times` starts fail.
    between,  ///< The child crashes, its next `times` starts fail, and `then` comes between two attempts.
    terminate,
    restart,  ///< OTP's restart_child.
    remove,
    add,
    which,
    stop
  };
  kind what = kind::which;
  std::string name;
  std::string reason;  ///< normal, shutdown, {shutdown,x}, boom or kill.
  int times = 0;
  child spec;            ///< Of add; a pool takes the name alone.
  std::vector<op> then;  ///< Of between: one.
};

struct script {
  std::uint64_t seed = 0;
  supervisor_flags flags;
  std::vector<child> children;
  std::vector<std::pair<std::string, int>> failing;  ///< First starts that fail.
  std::vector<op> ops;

  [[nodiscard]] bool pool() const { return flags.strategy == restart_strategy::dynamic; }
};

script draw(std::uint64_t seed);

/// As an Erlang term, with the full stop: what otp_play.erl reads and what a person sees of a failing seed.
std::string to_term(const script& s);

}  // namespace cadre::actors::supervision::otp
