#include "writer_intake.hpp"

#include <algorithm>

namespace cadre::actors {

namespace {

std::size_t size_of(const std::vector<incoming_commands>& batches) {
  std::size_t sum = 0;
  for (const auto& b : batches) sum += b.commands.size();
  return sum;
}

}  // namespace

bool only_adds_tasks(const std::vector<command>& commands) {
  return std::all_of(commands.begin(), commands.end(),
                     [](const command& c) { return std::holds_alternative<task_add>(c.body); });
}

void writer_intake::add(incoming_commands batch) {
  waiting_ += batch.commands.size();
  (only_adds_tasks(batch.commands) ? new_tasks_ : urgent_).push_back(std::move(batch));
}

std::vector<incoming_commands> writer_intake::take() {
  std::vector<incoming_commands> taken;
  const auto theirs = new_tasks_.empty() ? 0 : limits_.new_tasks_min;
  take_from(urgent_, limits_.commands_max - theirs, taken);
  const auto left = limits_.commands_max - std::min(limits_.commands_max, size_of(taken));
  std::vector<incoming_commands> added;
  take_from(new_tasks_, std::clamp(left, limits_.new_tasks_min, limits_.new_tasks_max), added);
  std::move(added.begin(), added.end(), std::back_inserter(taken));
  waiting_ -= size_of(taken);
  return taken;
}

void writer_intake::take_from(std::deque<incoming_commands>& lane, std::size_t commands_max,
                              std::vector<incoming_commands>& taken) {
  std::size_t count = 0;
  while (!lane.empty() && (count == 0 || count + lane.front().commands.size() <= commands_max)) {
    count += lane.front().commands.size();
    taken.push_back(std::move(lane.front()));
    lane.pop_front();
  }
}

}  // namespace cadre::actors
