#pragma once

#include "schemas/commands.hpp"
#include "schemas/time.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What becomes of findings when they are looked for again. Pure.
namespace cadre::storage::decide {

/// A finding that stands.
struct open_finding {
  std::string id;
  std::string subject;
  timestamp deadline;
  std::string escalation;  ///< Its id; empty: none.
  bool escalated = false;  ///< That escalation is not resolved.
};

/// Places in the lists that `merge_findings` was given.
struct finding_changes {
  std::vector<std::size_t> fresh;                          ///< Of `seen`: they were not there before.
  std::vector<std::pair<std::size_t, std::size_t>> still;  ///< Of `open` and of `seen`.
  /// Of `still`: nobody is at it any more, though it should have been mended by now. Somebody resolved the escalation,
  /// and the defect is there all the same.
  std::vector<std::size_t> again;
  std::vector<std::size_t> gone;  ///< Of `open`.
};

/// Compares what stands with what was seen at `at`. Of several that were seen with one subject the first counts.
/// `covers` says whether `seen` would have a subject if it were there; one that it does not cover stays as it is.
finding_changes merge_findings(const std::vector<open_finding>& open, const std::vector<finding_seen>& seen,
                               const std::function<bool(std::string_view subject)>& covers, timestamp at);

/// What `from` waits for.
struct wait_edge {
  std::string from, on;
};

/// Circles in what waits for what: each as its members from the least one on, in the order of waiting, and each member
/// in one circle alone. Linear in the edges.
std::vector<std::vector<std::string>> find_circles(const std::vector<wait_edge>& edges);

}  // namespace cadre::storage::decide
