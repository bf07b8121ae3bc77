// Drives the writer's engine as the leader's thread does: a batch of commands, one transaction, the next batch. Its one
// node is this program, whose agents do nothing: what they are granted, they complete with the next batch.
// CADRE_TEST_POSTGRES: a superuser's URL.

#include "measures.hpp"

#include <cstdint>
#include <exception>
#include <iostream>
#include <string>

int main(int argc, char** argv) {
  using namespace cadre::bench;
  const auto number = [&](int i) { return argc > i ? static_cast<std::size_t>(std::stoull(argv[i])) : 0; };
  const auto seconds = [&](int i) { return std::chrono::seconds{static_cast<std::int64_t>(number(i))}; };
  const std::string what = argc > 1 ? argv[1] : "";
  try {
    if (what == "lifecycle" && argc == 4) return lifecycle(number(2), number(3)), 0;
    if (what == "senders" && argc == 4) return senders(number(2), number(3)), 0;
    if (what == "both" && argc == 4) return both(number(2), number(3)), 0;
    if (what == "latency" && argc == 3) return latency(number(2)), 0;
    if (what == "half" && argc == 5) return half_load(number(2), number(3), number(4)), 0;
    if (what == "growth" && argc == 5) return growth(number(2), number(3), number(4)), 0;
    if (what == "single" && argc == 3) return single(number(2)), 0;
    if (what == "rows" && argc == 4) return rows(number(2), number(3)), 0;
    if (what == "soak" && argc == 6) return soak(seconds(2), number(3), seconds(4), seconds(5)), 0;
    std::cerr
        << "usage: bench_storage lifecycle TASKS BATCH | senders TASKS SENDERS | both TASKS BATCH | latency TASKS | "
           "half TASKS SENDERS BATCH | growth OLD TASKS BATCH | single COMMANDS | rows ROWS BATCH | "
           "soak SECONDS TASKS_PER_S KEPT_S SAMPLE_S\n";
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "bench_storage: " << e.what() << '\n';
    return 1;
  }
}
