#pragma once

#include "config/company.hpp"
#include "timeline.hpp"

#include <memory>
#include <string>
#include <vector>

/// What a seed stands for: a company, and how rough its world is.
namespace cadre::simulation {

/// What a test breaks on purpose, to see that the invariants notice.
enum class sabotage {
  none,
  epoch_unchecked,        ///< The writer does not look at the fence when it begins a transaction.
  incarnation_unchecked,  ///< The writer takes commands of lives that were replaced.
  commands_doubled,       ///< The writer does not know a command that it had before.
  answers_early,          ///< The writer answers before COMMIT.
  resend_lost,            ///< A node that got no answer to a batch never learns of that, and so never repeats it.
  escalation_dropped,     ///< An escalation whose holder's time is over vanishes.
  quarantine_untold,      ///< A quarantine is not told to the writer.
  intensity_ignored,      ///< Supervisors allow more restarts than the config says.
  node_loss_unnoticed,    ///< Heartbeats of dead nodes go on.
  living_overlooked  ///< The writer does not see that an agent lives of which its supervisor said that it does not.
};

struct scenario {
  std::shared_ptr<config::company> company;  ///< As the checks see it.
  std::shared_ptr<config::company> obeyed;   ///< As the fleet is configured; the same without sabotage.
  std::vector<std::string> nodes;
  bool tight = false;   ///< Small intensities and all restart types: agents may rightly stay down.
  bool lossy = false;   ///< The bus drops and repeats messages, and is away for moments.
  bool splits = false;  ///< Parts of the fleet lose sight of each other for longer than the lease, and live on apart.
  int faults = 0;
  double drop = 0;            ///< Of a message on the bus.
  double duplicate = 0;       ///< Of a message on the bus.
  std::int64_t slow_ms = 0;   ///< Most that a message is late.
  double commit_trouble = 0;  ///< Of a commit: killed before or after it, connection lost before or after it, busy.
  double run_trouble = 0;     ///< Of a run: its process fails, or its agent throws.
  milliseconds faulty{0};     ///< From the start until everything is healed.
  milliseconds settling{0};   ///< From then until all must be well.
};

scenario draw(dice& from, sabotage broken);

}  // namespace cadre::simulation
