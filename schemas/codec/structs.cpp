#include "fields_json.hpp"

namespace cadre::codec {

template <class T>
std::string to_json(const T& value) {
  return json_writer::make(value).dump();
}

template <class T>
result<T> from_json(std::string_view text) {
  return read_json<T>(text);
}

#define CADRE_JSON_OF(type)                        \
  template std::string to_json<type>(const type&); \
  template result<type> from_json<type>(std::string_view);

CADRE_JSON_OF(task_add)
CADRE_JSON_OF(task_cancel)
CADRE_JSON_OF(task_retry)
CADRE_JSON_OF(journal_add)
CADRE_JSON_OF(run_progress)
CADRE_JSON_OF(output_add)
CADRE_JSON_OF(run_complete)
CADRE_JSON_OF(run_fail)
CADRE_JSON_OF(verdict_add)
CADRE_JSON_OF(escalation_raise)
CADRE_JSON_OF(escalation_ack)
CADRE_JSON_OF(escalation_resolve)
CADRE_JSON_OF(escalation_act)
CADRE_JSON_OF(escalation_decide)
CADRE_JSON_OF(incarnation_start)
CADRE_JSON_OF(incarnation_end)
CADRE_JSON_OF(agent_report)
CADRE_JSON_OF(agent_capacity)
CADRE_JSON_OF(node_report)
CADRE_JSON_OF(brief_add)
CADRE_JSON_OF(brain_set)
CADRE_JSON_OF(mode_pause)
CADRE_JSON_OF(agent_pause)
CADRE_JSON_OF(schedule_pause)
CADRE_JSON_OF(schedule_trigger)
CADRE_JSON_OF(schedule_backfill)
CADRE_JSON_OF(notification_take)
CADRE_JSON_OF(notification_end)
CADRE_JSON_OF(notification_test)
CADRE_JSON_OF(clock_tick)
CADRE_JSON_OF(findings_report)
CADRE_JSON_OF(watch_report)
CADRE_JSON_OF(schedule_tick)
CADRE_JSON_OF(command_batch)
CADRE_JSON_OF(command_outcomes)
CADRE_JSON_OF(error_reply)
CADRE_JSON_OF(ack)
CADRE_JSON_OF(run_grant)
CADRE_JSON_OF(run_revoke)
CADRE_JSON_OF(life_replaced)
CADRE_JSON_OF(event)
CADRE_JSON_OF(node_heartbeat)
CADRE_JSON_OF(supervisor_ref)
CADRE_JSON_OF(child_start)
CADRE_JSON_OF(child_started)
CADRE_JSON_OF(child_stop)
CADRE_JSON_OF(child_down)
CADRE_JSON_OF(operator_order)
CADRE_JSON_OF(failure)
CADRE_JSON_OF(audit_finding)
CADRE_JSON_OF(outcome)
CADRE_JSON_OF(std::vector<audit_finding>)
CADRE_JSON_OF(std::vector<outcome>)
CADRE_JSON_OF(std::vector<json_text>)

#undef CADRE_JSON_OF

}  // namespace cadre::codec
