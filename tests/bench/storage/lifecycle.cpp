#include "measures.hpp"
#include "rates.hpp"
#include "senders.hpp"
#include "world.hpp"

#include <algorithm>

namespace cadre::bench {
namespace {

double per_s(std::size_t tasks, clock::time_point begin) {
  return static_cast<double>(tasks) / seconds_since(begin);
}

}  // namespace

double both_per_s(world& w, std::size_t tasks, std::size_t batch) {
  w.open(batch);
  const auto begin = clock::now();
  for (std::size_t n = 0; w.completed() < tasks; n += batch)
    w.commit(n < tasks ? world::adds(std::min(batch, tasks - n)) : std::vector<command>{});
  return per_s(tasks, begin);
}

double senders_both_per_s(world& w, std::size_t tasks, std::size_t senders) {
  w.open(senders);  // what is granted is completed by the next transaction, so none has to wait
  const auto begin = clock::now();
  sender_threads threads{senders, tasks};
  while (w.completed() < tasks) {
    w.commit(threads.take(w.granted() == 0));
    threads.committed();
  }
  return per_s(tasks, begin);
}

void lifecycle(std::size_t tasks, std::size_t batch) {
  double enqueue = 0, drain = 0, at_once = 0;
  {
    world w;
    auto begin = clock::now();
    for (std::size_t n = 0; n < tasks; n += batch) w.commit(world::adds(std::min(batch, tasks - n)));
    enqueue = per_s(tasks, begin);
    begin = clock::now();
    w.open(batch);
    while (w.completed() < tasks) w.commit({});
    drain = per_s(tasks, begin);
  }
  {
    world w;
    at_once = both_per_s(w, tasks, batch);
  }
  print({{"enqueue_per_s", enqueue}, {"drain_per_s", drain}, {"both_per_s", at_once}});
}

void senders(std::size_t tasks, std::size_t senders) {
  double enqueue = 0, at_once = 0;
  {
    world w;
    const auto begin = clock::now();
    sender_threads threads{senders, tasks};
    while (threads.left_to_take() > 0) {
      w.commit(threads.take(true));
      threads.committed();
    }
    enqueue = per_s(tasks, begin);
  }
  {
    world w;
    at_once = senders_both_per_s(w, tasks, senders);
  }
  print({{"enqueue_per_s", enqueue}, {"both_per_s", at_once}});
}

void both(std::size_t tasks, std::size_t batch) {
  world w;
  print({{"both_per_s", both_per_s(w, tasks, batch)}});
}

void growth(std::size_t old, std::size_t tasks, std::size_t batch) {
  world w;
  w.age(old);
  const auto begin = clock::now();
  w.lead_again();
  const auto takeover = seconds_since(begin);
  print({{"both_per_s", both_per_s(w, tasks, batch)}, {"takeover_s", takeover}});
}

}  // namespace cadre::bench
