#include "command_client.hpp"

#include "schemas/log.hpp"

namespace cadre::actors {

namespace {

using client = caf::stateful_actor<command_client_state>;

/// Close to the size on the wire: text dominates, the rest is a few hundred bytes.
std::size_t size_estimate(const command& c) {
  std::size_t bytes = 300;
  if (const auto* output = std::get_if<output_add>(&c.body)) {
    for (const auto& row : output->rows) bytes += row.text.size() + 8;
  } else if (const auto* task = std::get_if<task_add>(&c.body)) {
    bytes += task->payload.text.size() + task->title.size() + 48 * task->depends_on.size();
  } else if (const auto* journal = std::get_if<journal_add>(&c.body)) {
    bytes += journal->text.size() + journal->data.text.size();
  } else if (const auto* complete = std::get_if<run_complete>(&c.body)) {
    bytes += complete->metrics.text.size() + complete->alerts.text.size() + complete->recommendations.text.size();
  } else if (const auto* failed = std::get_if<run_fail>(&c.body)) {
    bytes += failed->error.message.size() + failed->stderr_tail.size();
  } else if (const auto* verdict = std::get_if<verdict_add>(&c.body)) {
    bytes += verdict->statistics.text.size();
    for (const auto& note : verdict->notes) bytes += note.size() + 8;
    for (const auto& finding : verdict->findings) {
      bytes += finding.message.size() + 100;
      for (const auto& row : finding.sample_rows) bytes += row.text.size();
    }
  } else if (const auto* raise = std::get_if<escalation_raise>(&c.body)) {
    bytes += raise->evidence.text.size() + raise->cause.message.size();
  } else if (const auto* act = std::get_if<escalation_act>(&c.body)) {
    bytes += act->note.size();
  } else if (const auto* decided = std::get_if<escalation_decide>(&c.body)) {
    bytes += decided->note.size();
  } else if (const auto* report = std::get_if<node_report>(&c.body)) {
    for (const auto& agent : report->agents) bytes += 150 + 40 * agent.held.size();
  } else if (const auto* brief = std::get_if<brief_add>(&c.body)) {
    bytes += brief->body.text.size() + brief->markdown.size();
  } else if (const auto* brain = std::get_if<brain_set>(&c.body)) {
    bytes += brain->content.text.size();
  }
  return bytes;
}

void note_trouble(client* self) {
  const auto& trouble = self->state.queue->trouble();
  const bool now = trouble.code != errc::none;
  if (now && !self->state.in_trouble) {
    log::warn("commands wait for the writer ({} pending): {}", self->state.queue->pending(), trouble.message);
  } else if (!now && self->state.in_trouble) {
    log::info("commands reach the writer again");
  }
  self->state.in_trouble = now;
}

void perform(client* self, const batch_sender& send, command_queue::actions actions) {
  for (auto& action : actions) {
    if (auto* batch = std::get_if<command_queue::send_batch>(&action)) {
      const auto number = ++self->state.batch;
      send(std::move(batch->commands),
           [me = caf::actor_cast<caf::actor_addr>(self), number](result<std::vector<outcome>> answer) {
             if (auto target = caf::actor_cast<caf::actor>(me))
               caf::anon_send(target, batch_answer{number, std::move(answer)});
           });
    } else if (auto* deliver = std::get_if<command_queue::deliver>(&action)) {
      const auto asker = self->state.askers.find(deliver->id);
      if (asker == self->state.askers.end()) continue;
      asker->second.deliver(std::move(deliver->result));
      self->state.askers.erase(asker);
    } else if (auto* wake = std::get_if<command_queue::wake_after>(&action)) {
      self->delayed_send(self, wake->delay, queue_wake{wake->generation});
    }
  }
}

}  // namespace

caf::behavior command_client(client* self, batch_sender send, command_queue_options options) {
  self->state.queue = std::make_unique<command_queue>(options);
  const auto now = [self] { return self->clock().now(); };
  return {
      [=](command& c) -> caf::result<outcome> {
        auto promise = self->make_response_promise();
        self->state.askers.emplace(c.id, promise);
        const auto bytes = size_estimate(c);
        perform(self, send, self->state.queue->add(std::move(c), bytes, now()));
        return promise;
      },
      [=](batch_answer& answer) {
        if (answer.batch != self->state.batch) return;
        perform(self, send,
                answer.outcomes ? self->state.queue->on_outcomes(std::move(*answer.outcomes), now())
                                : self->state.queue->on_failure(answer.outcomes.error(), now()));
        note_trouble(self);
      },
      [=](queue_wake wake) { perform(self, send, self->state.queue->on_wake(wake.generation, now())); },
  };
}

}  // namespace cadre::actors
