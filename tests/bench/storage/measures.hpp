#pragma once

#include <chrono>
#include <cstddef>

/// Each measures one thing in databases of its own, and prints one line of JSON; `soak` one for each sample.
namespace cadre::bench {

/// Adds all in batches, then drains all; and adds while draining, in a second database.
void lifecycle(std::size_t tasks, std::size_t batch);

/// The same one by one, from `senders` threads of which each waits for the commit of its last task.
void senders(std::size_t tasks, std::size_t senders);

/// Adding and draining at once, in batches of `batch`.
void both(std::size_t tasks, std::size_t batch);

/// Adding and draining at once beside that many old tasks; and how long a takeover reads them.
void growth(std::size_t old, std::size_t tasks, std::size_t batch);

/// One task after another on an idle queue. An agent is free, so what is committed is granted, too.
void latency(std::size_t tasks);

/// How many tasks per second `senders` can add and have done at once (batches of 1: that many threads; else one
/// sender); then as many tasks at half of that rate, which arrive at fixed times, whatever becomes of those before.
void half_load(std::size_t tasks, std::size_t senders, std::size_t batch);

/// One command, one commit; beside one INSERT of such a row, one commit.
void single(std::size_t commands);

/// Tasks per second through the writer, beside COPY of such rows into the same table.
void rows(std::size_t count, std::size_t batch);

/// Tasks arrive at a steady rate, whatever becomes of those before; what is over is pruned after `kept`. Every
/// `sample` a line: latencies from when a task should have been added until it was complete, memory, sizes.
void soak(std::chrono::seconds time, std::size_t per_s, std::chrono::seconds kept, std::chrono::seconds sample);

}  // namespace cadre::bench
