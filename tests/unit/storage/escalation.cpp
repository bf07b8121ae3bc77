#include "storage/decide/escalation.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <random>

using namespace cadre;
using namespace cadre::storage::decide;
using std::chrono::milliseconds;

namespace {

const timestamp start{1'000'000'000};

using org_table = std::map<std::string, holder_view>;

org_view view(const org_table& org) {
  return [&org](const agent_path& path) -> std::optional<holder_view> {
    const auto found = org.find(path.text);
    if (found == org.end()) return std::nullopt;
    auto holder = found->second;
    holder.manager = path.parent();
    return holder;
  };
}

holder_view holds(std::int64_t ms, escalation_policy then = escalation_policy::escalate) {
  holder_view h;
  h.investigate = milliseconds{ms};
  h.then = then;
  return h;
}

holder_view down() {
  auto h = holds(1'000);
  h.available = false;
  return h;
}

/// `raised ceo.data, moved ceo: open at ceo in inbox`.
std::string script(const escalation_step& s) {
  std::string text;
  for (const auto& h : s.hops)
    text += (text.empty() ? "" : ", ") + std::string{to_text(h.action)} + " " + h.holder.text;
  text += ": " + std::string{to_text(s.after.status)} + " at " + s.after.holder.text;
  if (s.after.in_inbox) text += " in inbox";
  if (!s.after.due.empty()) text += " for " + std::to_string((s.after.due - start).count() / 1'000);
  if (s.after.snoozed) text += " asleep";
  if (s.retry) text += " retry" + (s.retry_by.empty() ? "" : " by " + s.retry_by.text);
  if (s.investigate) text += " looked into";
  return text;
}

/// The step as a script, or why it was refused.
std::string script(const result<escalation_step>& s) {
  return s ? script(*s) : std::string{to_text(s.error().code)} + ": " + s.error().message;
}

wish wish_to(escalation_action action, const std::string& path = {}, std::int64_t ms = 0) {
  wish w;
  w.action = action;
  w.to.text = path;
  w.time = milliseconds{ms};
  w.by = "anna";
  return w;
}

wish by_agent(wish w, const std::string& agent) {
  w.by = agent;
  w.by_agent = true;
  return w;
}

holder_view does(const std::string& mode, std::int64_t ms = 0) {
  auto h = holds(ms);
  h.runs = true;
  h.mode = mode;
  return h;
}

failed_task failed_by(const std::string& agent, const std::string& mode, bool repeats = false) {
  return {true, repeats, {agent}, mode};
}

standing open_at(const std::string& holder) {
  standing s;
  s.holder.text = holder;
  s.due = start;
  return s;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(escalation)

BOOST_AUTO_TEST_CASE(a_problem_goes_to_the_manager) {
  const org_table org{{"ceo", holds(0)}, {"ceo.data", holds(600)}, {"ceo.data.w", holds(0)}};
  BOOST_TEST(script(raise_escalation(view(org), {"ceo.data.w"}, false, start)) ==
             "raised ceo.data: open at ceo.data for 600");
  BOOST_TEST(script(raise_escalation(view(org), {"ceo.data"}, false, start)) == "raised ceo: open at ceo in inbox");
  BOOST_TEST(script(raise_escalation(view(org), {"ceo"}, false, start)) == "raised ceo: open at ceo in inbox");
}

BOOST_AUTO_TEST_CASE(who_has_no_time_or_is_down_does_not_keep_it) {
  org_table org{
      {"ceo", down()}, {"ceo.a", holds(50)}, {"ceo.a.b", down()}, {"ceo.a.b.c", holds(0)}, {"ceo.a.b.c.w", holds(0)}};
  BOOST_TEST(script(raise_escalation(view(org), {"ceo.a.b.c.w"}, false, start)) ==
             "raised ceo.a.b.c, moved ceo.a.b, skipped ceo.a.b, moved ceo.a: open at ceo.a for 50");
  org["ceo.a"] = down();
  BOOST_TEST(script(raise_escalation(view(org), {"ceo.a.b.c.w"}, false, start)) ==
             "raised ceo.a.b.c, moved ceo.a.b, skipped ceo.a.b, moved ceo.a, skipped ceo.a, moved ceo: "
             "open at ceo in inbox");
}

BOOST_AUTO_TEST_CASE(policies_apply_when_the_time_is_over) {
  org_table org{{"ceo", holds(0)}, {"ceo.a", holds(7)}, {"ceo.a.b", holds(5)}, {"ceo.a.b.w", holds(0)}};
  BOOST_TEST(script(escalation_due(view(org), open_at("ceo.a.b"), true, start)) == "moved ceo.a: open at ceo.a for 7");
  BOOST_TEST(script(escalation_due(view(org), open_at("ceo.a"), true, start)) == "moved ceo: open at ceo in inbox");
  org["ceo.a.b"] = holds(5, escalation_policy::resolve);
  BOOST_TEST(script(escalation_due(view(org), open_at("ceo.a.b"), true, start)) ==
             "resolved ceo.a.b: resolved at ceo.a.b");
  org["ceo.a.b"] = holds(5, escalation_policy::retry);
  BOOST_TEST(script(escalation_due(view(org), open_at("ceo.a.b"), true, start)) ==
             "retried ceo.a.b, resolved ceo.a.b: resolved at ceo.a.b retry");
  BOOST_TEST(script(escalation_due(view(org), open_at("ceo.a.b"), false, start)) == "moved ceo.a: open at ceo.a for 7");
  org["ceo.a.b"].available = false;
  BOOST_TEST(script(escalation_due(view(org), open_at("ceo.a.b"), true, start)) ==
             "skipped ceo.a.b, moved ceo.a: open at ceo.a for 7");
  org.erase("ceo.a.b");
  BOOST_TEST(script(escalation_due(view(org), open_at("ceo.a.b"), true, start)) == "moved ceo.a: open at ceo.a for 7");
  org["ceo.a"] = holds(0, escalation_policy::resolve);
  BOOST_TEST(script(escalation_due(view(org), open_at("ceo.a.b"), true, start)) ==
             "moved ceo.a, resolved ceo.a: resolved at ceo.a");
}

BOOST_AUTO_TEST_CASE(people_end_it) {
  const org_table org{{"ceo", holds(0)}, {"ceo.a", holds(7)}};
  const auto seen = acknowledge_escalation(open_at("ceo.a"), "anna", "on it");
  BOOST_TEST(script(seen) == "acknowledged ceo.a: acknowledged at ceo.a");
  BOOST_TEST(acknowledge_escalation(seen.after, "anna", "").hops.empty());
  BOOST_TEST(escalation_due(view(org), seen.after, true, start).hops.empty());
  const auto done = resolve_escalation(seen.after, "anna", "fixed");
  BOOST_TEST(script(done) == "resolved ceo.a: resolved at ceo.a");
  BOOST_TEST(done.resolved_by == "anna");
  BOOST_TEST(done.note == "fixed");
  BOOST_TEST(resolve_escalation(done.after, "bert", "").hops.empty());
  BOOST_TEST(acknowledge_escalation(done.after, "bert", "").hops.empty());
}

BOOST_AUTO_TEST_CASE(a_holder_with_a_program_looks_into_it) {
  const org_table org{{"ceo", holds(0)}, {"ceo.a", holds(7)}, {"ceo.a.b", does("m", 5)}, {"ceo.a.b.w", holds(0)}};
  const auto raised = raise_escalation(view(org), {"ceo.a.b.w"}, false, start);
  BOOST_TEST(script(raised) == "raised ceo.a.b, investigating ceo.a.b: open at ceo.a.b for 5 looked into");
  const auto over = investigation_over(view(org), raised.after, "exit code 3", true, start);
  BOOST_TEST(script(over) == "undecided ceo.a.b, moved ceo.a: open at ceo.a for 7");
  BOOST_TEST(over.hops[0].reason == "exit code 3");
  auto retries = org;
  retries["ceo.a.b"].then = escalation_policy::retry;
  BOOST_TEST(script(investigation_over(view(retries), raised.after, "x", true, start)) ==
             "undecided ceo.a.b, retried ceo.a.b, resolved ceo.a.b: resolved at ceo.a.b retry");
  auto asleep = raised.after;
  asleep.snoozed = true;
  BOOST_TEST(investigation_over(view(org), asleep, "late", true, start).hops.empty());
  BOOST_TEST(investigation_over(view(org), acknowledge_escalation(raised.after, "anna", "").after, "late", true, start)
                 .hops.empty());
}

BOOST_AUTO_TEST_CASE(who_is_skipped_is_said_with_the_reason) {
  org_table org{{"ceo", holds(0)}, {"ceo.a", holds(7)}, {"ceo.a.w", holds(0)}};
  org["ceo.a"].available = false;
  org["ceo.a"].absent = "is paused";
  const auto raised = raise_escalation(view(org), {"ceo.a.w"}, false, start);
  BOOST_TEST(script(raised) == "raised ceo.a, skipped ceo.a, moved ceo: open at ceo in inbox");
  BOOST_TEST(raised.hops[1].reason == "ceo.a is paused");
}

BOOST_AUTO_TEST_CASE(a_task_runs_again_or_is_given_to_another) {
  using enum escalation_action;
  org_table org{{"ceo", holds(0)},    {"ceo.a", holds(7)},        {"ceo.a.w", does("m")}, {"ceo.a.v", does("m")},
                {"ceo.b", does("m")}, {"ceo.a.other", does("n")}, {"ceo.a.idle", down()}, {"ceo.a.none", holds(0)}};
  const auto at = open_at("ceo.a");
  const auto act = [&](const wish& w, const failed_task& t) {
    return script(act_on(view(org), at, {"ceo.a.w"}, w, t, start));
  };
  const auto task = failed_by("ceo.a.w", "m");
  BOOST_TEST(act(wish_to(retry), task) == "retried ceo.a, resolved ceo.a: resolved at ceo.a retry");
  BOOST_TEST(act(wish_to(retry), {}) == "illegal_transition: there is no failed task to run again");
  BOOST_TEST(act(wish_to(retry), failed_by("ceo.a.w", "m", true)) ==
             "retried ceo.a, resolved ceo.a: resolved at ceo.a retry");
  BOOST_TEST(act(by_agent(wish_to(retry), "ceo.a"), failed_by("ceo.a.w", "m", true)) ==
             "refused: its task is a repetition already; only a person may run it once more");
  BOOST_TEST(act(wish_to(reassign, "ceo.a.v"), task) ==
             "reassigned ceo.a, resolved ceo.a: resolved at ceo.a retry by ceo.a.v");
  BOOST_TEST(act(wish_to(reassign, "ceo.b"), task) ==
             "reassigned ceo.a, resolved ceo.a: resolved at ceo.a retry by ceo.b");
  BOOST_TEST(act(by_agent(wish_to(reassign, "ceo.b"), "ceo.a"), task) == "refused: to: ceo.b does not report to ceo.a");
  BOOST_TEST(act(wish_to(reassign, "ceo.a.w"), task) ==
             "refused: to: it was ceo.a.w that failed; retry gives it to the same agent");
  BOOST_TEST(act(wish_to(reassign, "ceo.a.other"), task) == "refused: to: ceo.a.other does no tasks of mode m");
  BOOST_TEST(act(wish_to(reassign, "ceo.a.none"), task) == "refused: to: ceo.a.none does no tasks of mode m");
  BOOST_TEST(act(wish_to(reassign, "ceo.a.idle"), task) == "refused: to: ceo.a.idle is quarantined or stopped");
  BOOST_TEST(act(wish_to(reassign, "ceo.z"), task) == "not_found: to: agent ceo.z is not in the org");
  BOOST_TEST(act(wish_to(reassign, ""), task) == "bad_value: to: an agent's path is needed");
}

BOOST_AUTO_TEST_CASE(a_delegate_holds_it_for_a_while_and_it_comes_back_up) {
  using enum escalation_action;
  org_table org{{"ceo", holds(0)},      {"ceo.a", holds(7)},   {"ceo.b", holds(9)},     {"ceo.a.w", does("m")},
                {"ceo.a.v", does("m")}, {"ceo.b.x", holds(0)}, {"ceo.a.none", holds(0)}};
  const auto act = [&](const standing& at, const wish& w) { return act_on(view(org), at, {"ceo.a.w"}, w, {}, start); };
  const auto at = open_at("ceo.a");
  BOOST_TEST(script(act(at, wish_to(delegate, "ceo.b"))) == "delegated ceo.b: open at ceo.b for 9");
  BOOST_TEST(script(act(at, wish_to(delegate, "ceo.b", 3))) == "delegated ceo.b: open at ceo.b for 3");
  BOOST_TEST(script(act(at, wish_to(delegate, "ceo.a.v"))) ==
             "delegated ceo.a.v, investigating ceo.a.v: open at ceo.a.v for 7 looked into");
  const auto given = act(at, wish_to(delegate, "ceo.a.none"));
  BOOST_TEST(script(given) == "delegated ceo.a.none: open at ceo.a.none for 7");
  BOOST_TEST(given->after.moves == 1);
  BOOST_TEST(script(escalation_due(view(org), given->after, false, start)) == "moved ceo.a: open at ceo.a for 7");
  BOOST_TEST(script(act(at, wish_to(delegate, "ceo.a.w"))) ==
             "refused: to: it is about ceo.a.w, who can't be the judge of that");
  BOOST_TEST(script(act(at, wish_to(delegate, "ceo.a"))) == "refused: to: ceo.a holds it already");
  BOOST_TEST(script(act(at, wish_to(delegate, "ceo.b.x"))) == "refused: to: ceo.b.x is neither below ceo.a nor beside");
  BOOST_TEST(script(act(at, wish_to(delegate, "ceo"))) == "refused: to: ceo is neither below ceo.a nor beside");
  BOOST_TEST(script(act(at, wish_to(delegate, "ceo.b", -1))) == "bad_value: for: over 0 and at most 90 days");
  auto often = at;
  often.moves = agent_moves_max;
  BOOST_TEST(script(act(often, by_agent(wish_to(delegate, "ceo.b"), "ceo.a"))) ==
             "refused: it was delegated or put off 5 times already; agents may do so no more");
  BOOST_TEST(act(often, wish_to(delegate, "ceo.b")).has_value());
  often.hops = hops_max;
  BOOST_TEST(script(act(often, wish_to(delegate, "ceo.b"))) ==
             "refused: it has made 200 steps; it has to be settled now");
  auto inbox = open_at("ceo");
  inbox.in_inbox = true;
  inbox.due = {};
  BOOST_TEST(script(act(inbox, wish_to(delegate, "ceo.b.x", 3))) == "delegated ceo.b.x: open at ceo.b.x for 3");
}

BOOST_AUTO_TEST_CASE(what_is_put_off_comes_back_to_the_same_holder) {
  using enum escalation_action;
  const org_table org{{"ceo", holds(0)}, {"ceo.a", does("m", 7)}, {"ceo.a.w", holds(0)}};
  const auto act = [&](const standing& at, const wish& w) { return act_on(view(org), at, {"ceo.a.w"}, w, {}, start); };
  const auto asleep = act(open_at("ceo.a"), wish_to(snooze, "", 60));
  BOOST_TEST(script(asleep) == "snoozed ceo.a: open at ceo.a for 60 asleep");
  BOOST_TEST(script(escalation_due(view(org), asleep->after, false, start)) ==
             "woken ceo.a, investigating ceo.a: open at ceo.a for 7 looked into");
  auto inbox = open_at("ceo");
  inbox.in_inbox = true;
  const auto later = act(inbox, wish_to(snooze, "", 60));
  BOOST_TEST(script(later) == "snoozed ceo: open at ceo for 60 asleep");
  BOOST_TEST(script(escalation_due(view(org), later->after, false, start)) == "woken ceo: open at ceo in inbox");
  BOOST_TEST(script(act(inbox, wish_to(snooze))) == "bad_value: for: over 0 and at most 90 days");
  BOOST_TEST(script(act(inbox, wish_to(snooze, "", snooze_max.count() + 1))) ==
             "bad_value: for: over 0 and at most 90 days");
  auto gone = org;
  gone["ceo.a"].available = false;
  BOOST_TEST(script(escalation_due(view(gone), asleep->after, false, start)) ==
             "woken ceo.a, skipped ceo.a, moved ceo: open at ceo in inbox");
}

BOOST_AUTO_TEST_CASE(whatever_is_done_to_it_it_is_open_and_awake_afterwards) {
  using enum escalation_action;
  const org_table org{{"ceo", holds(0)}, {"ceo.a", holds(7)}, {"ceo.b", holds(9)}, {"ceo.a.w", holds(0)}};
  const auto act = [&](const standing& at, const wish& w) {
    return script(act_on(view(org), at, {"ceo.a.w"}, w, {}, start));
  };
  auto asleep = open_at("ceo.a");
  asleep.snoozed = true;
  BOOST_TEST(act(asleep, wish_to(delegate, "ceo.b")) == "delegated ceo.b: open at ceo.b for 9");
  BOOST_TEST(act(asleep, wish_to(escalate)) == "moved ceo: open at ceo in inbox");
  BOOST_TEST(script(acknowledge_escalation(asleep, "anna", "")) == "acknowledged ceo.a: acknowledged at ceo.a");
  BOOST_TEST(script(resolve_escalation(asleep, "anna", "")) == "resolved ceo.a: resolved at ceo.a");
  const auto seen = acknowledge_escalation(open_at("ceo.a"), "anna", "").after;
  BOOST_TEST(act(seen, wish_to(delegate, "ceo.b")) == "delegated ceo.b: open at ceo.b for 9");
  BOOST_TEST(act(seen, wish_to(snooze, "", 60)) == "snoozed ceo.a: open at ceo.a for 60 asleep");
}

BOOST_AUTO_TEST_CASE(after_so_many_steps_its_next_move_is_into_the_inbox) {
  const org_table org{{"ceo", holds(0)}, {"ceo.a", holds(7)}, {"ceo.a.b", holds(5)}};
  auto tired = open_at("ceo.a.b");
  tired.hops = hops_max - 1;
  BOOST_TEST(script(escalation_due(view(org), tired, false, start)) == "moved ceo.a: open at ceo.a for 7");
  tired.hops = hops_max;
  BOOST_TEST(script(escalation_due(view(org), tired, false, start)) == "moved ceo: open at ceo in inbox");
}

BOOST_AUTO_TEST_CASE(in_the_inbox_nothing_happens_by_itself) {
  const org_table org{{"ceo", holds(5, escalation_policy::resolve)}, {"ceo.a", holds(7)}};
  auto inbox = open_at("ceo");
  inbox.in_inbox = true;
  BOOST_TEST(escalation_due(view(org), inbox, true, start).hops.empty());
  BOOST_TEST(investigation_over(view(org), inbox, "late", true, start).hops.empty());
}

BOOST_AUTO_TEST_CASE(what_ran_again_before_is_not_run_again_by_who_gets_it_next) {
  org_table org{{"ceo", holds(0)},
                {"ceo.a", holds(0, escalation_policy::retry)},
                {"ceo.a.b", holds(7)},
                {"ceo.a.b.w", does("m")}};
  const auto pass = [&](bool repeats) {
    return script(act_on(view(org), open_at("ceo.a.b"), {"ceo.a.b.w"}, wish_to(escalation_action::escalate),
                         failed_by("ceo.a.b.w", "m", repeats), start));
  };
  BOOST_TEST(pass(false) == "moved ceo.a, retried ceo.a, resolved ceo.a: resolved at ceo.a retry");
  BOOST_TEST(pass(true) == "moved ceo.a, moved ceo: open at ceo in inbox");
}

BOOST_AUTO_TEST_CASE(what_runs_again_already_is_settled_by_that_and_in_vain_is_a_person_s_matter) {
  using enum escalation_action;
  org_table org{{"ceo", holds(0)}, {"ceo.a", holds(7)}, {"ceo.a.w", does("m")}, {"ceo.a.v", does("m")}};
  auto again = failed_by("ceo.a.w", "m");
  again.again = true;
  auto in_vain = again;
  in_vain.in_vain = true;
  const auto act = [&](const wish& w, const failed_task& t) {
    return act_on(view(org), open_at("ceo.a"), {"ceo.a.w"}, w, t, start);
  };
  BOOST_TEST(again.can_run_again());
  BOOST_TEST(!in_vain.can_run_again());
  const auto by_manager = by_agent(wish_to(retry), "ceo.a");
  BOOST_TEST(script(act(by_manager, again)) == "retried ceo.a, resolved ceo.a: resolved at ceo.a retry");
  BOOST_TEST(!act(by_manager, again)->retry_anew);
  BOOST_TEST(act(wish_to(retry), again)->retry_anew);
  BOOST_TEST(act(wish_to(reassign, "ceo.a.v"), in_vain)->retry_anew);
  BOOST_TEST(script(act(by_manager, in_vain)) ==
             "refused: its task ran again in vain; only a person may run it once more");
  BOOST_TEST(script(act(by_agent(wish_to(reassign, "ceo.a.v"), "ceo.a"), again)) ==
             "refused: its task runs again already; only a person may give it to another agent");
}

BOOST_AUTO_TEST_CASE(it_may_be_passed_up_at_once) {
  using enum escalation_action;
  const org_table org{{"ceo", holds(0)}, {"ceo.a", holds(7)}, {"ceo.a.w", holds(0)}};
  const auto up = act_on(view(org), open_at("ceo.a"), {"ceo.a.w"}, wish_to(escalate), {}, start);
  BOOST_TEST(script(up) == "moved ceo: open at ceo in inbox");
  BOOST_TEST(up->hops[0].by == "anna");
  BOOST_TEST(script(act_on(view(org), up->after, {"ceo.a.w"}, wish_to(escalate), {}, start)) ==
             "illegal_transition: it is in the inbox: nobody is above");
  const auto done = resolve_escalation(up->after, "anna", "");
  BOOST_TEST(script(act_on(view(org), done.after, {"ceo.a.w"}, wish_to(snooze, "", 1), {}, start)) ==
             "illegal_transition: it is resolved already");
}

BOOST_AUTO_TEST_CASE(a_task_of_an_investigation_that_fails_passes_it_up) {
  org_table org{{"ceo", holds(0)}, {"ceo.a", holds(7, escalation_policy::resolve)}, {"ceo.a.b", holds(5)}};
  const auto failed = [&](const standing& at) {
    return script(errand_failed(view(org), at, at.holder, "it failed", true, start));
  };
  BOOST_TEST(failed(open_at("ceo.a.b")) == "undecided ceo.a.b, moved ceo.a: open at ceo.a for 7");
  // Not settled by the policy of one who had his turn.
  BOOST_TEST(failed(open_at("ceo.a")) == "undecided ceo.a, moved ceo: open at ceo in inbox");
  auto asleep = open_at("ceo.a");
  asleep.snoozed = true;
  BOOST_TEST(failed(asleep) == ": open at ceo.a for 0 asleep");
  auto inbox = open_at("ceo");
  inbox.in_inbox = true;
  inbox.due = {};
  BOOST_TEST(failed(inbox) == ": open at ceo in inbox");
  BOOST_TEST(failed(acknowledge_escalation(open_at("ceo.a"), "anna", "").after) == ": acknowledged at ceo.a");
  BOOST_TEST(failed(resolve_escalation(open_at("ceo.a"), "anna", "").after) == ": resolved at ceo.a");
  // It is the affair of whoever's errand it was, not of who has it now.
  const auto of_b = errand_failed(view(org), open_at("ceo.a"), {"ceo.a.b"}, "it failed", true, start);
  BOOST_TEST(of_b.hops.empty());
  BOOST_TEST((of_b.after == open_at("ceo.a")));
}

BOOST_AUTO_TEST_CASE(what_comes_of_a_task_of_an_investigation_begins_above_who_had_it) {
  const org_table org{{"ceo", holds(0)},   {"ceo.a", holds(7)},   {"ceo.a.b", holds(5)}, {"ceo.a.b.w", holds(0)},
                      {"ceo.o", holds(9)}, {"ceo.o.w", holds(0)}, {"ceo.x", holds(0)}};
  const auto raised = [&](const std::string& origin, const std::string& above) {
    return script(raise_escalation(view(org), {origin}, false, start, {above}));
  };
  BOOST_TEST(raised("ceo.a.b.w", "ceo.a.b") == "raised ceo.a: open at ceo.a for 7");
  BOOST_TEST(raised("ceo.a.b.w", "ceo.a") == "raised ceo: open at ceo in inbox");
  BOOST_TEST(raised("ceo.a.b.w", "ceo") == "raised ceo: open at ceo in inbox");
  // Beside is not above; and who reports to somebody higher than that goes there.
  BOOST_TEST(raised("ceo.o.w", "ceo.a.b") == "raised ceo.a: open at ceo.a for 7");
  BOOST_TEST(raised("ceo.x", "ceo.a.b") == "raised ceo: open at ceo in inbox");
  BOOST_TEST(raise_escalation(view(org), {"ceo.a.b.w"}, false, start, {"ceo.a.b"}).hops[0].reason ==
             "raised by ceo.a.b.w, in a task of an investigation that ceo.a.b had");
}

BOOST_AUTO_TEST_CASE(every_escalation_ends_in_the_inbox_or_is_settled) {
  std::mt19937 random{11};
  for (int round = 0; round < 5'000; ++round) {
    org_table org;
    std::string path = "ceo";
    const auto depth = 1 + random() % 8;
    for (std::size_t i = 0; i < depth; ++i) {
      auto h = holds(static_cast<std::int64_t>(random() % 3), static_cast<escalation_policy>(random() % 3));
      h.available = random() % 4 != 0;
      if (i == 0 || random() % 6 != 0) org[path] = h;
      path += ".x";
    }
    org[path] = holds(0);
    auto step = raise_escalation(view(org), {path}, random() % 2 == 0, start);
    std::size_t hops = step.hops.size();
    for (int dues = 0; step.after.status == escalation_status::open && !step.after.in_inbox; ++dues) {
      BOOST_REQUIRE_LE(dues, 8);
      BOOST_REQUIRE(!step.after.due.empty());
      const auto before = step.after.holder;
      step = escalation_due(view(org), step.after, random() % 2 == 0, step.after.due);
      BOOST_REQUIRE(!step.hops.empty());
      hops += step.hops.size();
      if (step.after.status == escalation_status::open)
        BOOST_REQUIRE_MESSAGE(before.is_below(step.after.holder), before.text << " -> " << step.after.holder.text);
    }
    BOOST_REQUIRE(step.after.due.empty());
    BOOST_REQUIRE_LE(hops, 2 * depth + 2);
  }
}

namespace {

/// A random org with agents that run things, are away, have policies; all below `ceo`.
org_table random_org(std::mt19937& random) {
  org_table org{{"ceo", holds(0)}};
  std::vector<std::string> paths{"ceo"};
  const auto size = 2 + random() % 14;
  for (std::size_t i = 0; i < size; ++i) {
    const auto path = paths[random() % paths.size()] + "." + std::string(1, static_cast<char>('a' + i));
    paths.push_back(path);
    auto h = holds(static_cast<std::int64_t>(random() % 3), static_cast<escalation_policy>(random() % 3));
    h.available = random() % 4 != 0;
    h.runs = random() % 2 == 0;
    h.mode = random() % 2 == 0 ? "m" : "n";
    org[path] = h;
  }
  return org;
}

std::string any_of(const org_table& org, std::mt19937& random) {
  auto at = org.begin();
  std::advance(at, random() % org.size());
  return at->first;
}

}  // namespace

BOOST_AUTO_TEST_CASE(whatever_is_done_it_ends_in_the_inbox_or_settled_in_bounded_steps) {
  std::mt19937 random{12};
  int by_hops = 0, settled = 0;
  for (int round = 0; round < 4'000; ++round) {
    auto org = random_org(random);
    const auto any = [&] { return any_of(org, random); };
    const agent_path origin{any()};
    const auto task = [&] { return failed_task{random() % 2 == 0, random() % 2 == 0, {any()}, "m"}; };
    const auto can_retry = [&] { return random() % 8 == 0; };
    auto now = start;
    standing at = raise_escalation(view(org), origin, can_retry(), now).after;
    const bool people_too = random() % 2 == 0;
    std::int64_t agent_moves = 0;
    // Who acts is unlucky for as long as it lasts: everything but to settle it is tried again and again.
    for (int steps = 0; at.status != escalation_status::resolved; ++steps) {
      BOOST_REQUIRE_LE(steps, 2'000);
      if (at.in_inbox && !(people_too && at.hops < hops_max)) break;
      BOOST_REQUIRE(at.in_inbox || at.status == escalation_status::acknowledged || !at.due.empty());
      escalation_step step;
      const auto what = random() % 4;
      const bool agent = !at.in_inbox && !at.snoozed && (!people_too || random() % 2 == 0);
      if (what < 2 && (agent || people_too)) {
        auto w = wish_to(static_cast<escalation_action>(1 + random() % 5), any(),
                         1 + static_cast<std::int64_t>(random() % 9));
        if (agent) w = by_agent(w, at.holder.text);
        const auto acted = act_on(view(org), at, origin, w, random() % 50 == 0 ? task() : failed_task{}, now);
        if (acted) {
          step = *acted;
          agent_moves += agent ? step.after.moves - at.moves : 0;
        } else if (agent) {
          step = investigation_over(view(org), at, acted.error().message, can_retry(), now);
        } else {
          step.after = at;
        }
      } else if (what == 2 || at.in_inbox) {
        auto seen = random() % 20 == 0 ? acknowledge_escalation(at, "anna", "") : escalation_step{};
        if (seen.hops.empty()) seen.after = at;
        step = seen;
      } else {
        now = at.due;
        const auto before = at.holder;
        step = escalation_due(view(org), at, can_retry(), now);
        BOOST_REQUIRE(!step.hops.empty() || at.status != escalation_status::open);
        const auto& after = step.after;
        // A policy never gives it to anybody but one above, unless it only woke up.
        if (after.status == escalation_status::open && after.holder != before)
          BOOST_REQUIRE_MESSAGE(before.is_below(after.holder), before.text << " -> " << after.holder.text);
      }
      if (at.status == escalation_status::acknowledged && step.hops.empty() && !people_too) break;  // A person has it.
      const auto hops = at.hops + static_cast<std::int64_t>(step.hops.size());
      at = step.after;
      at.hops = hops;
      BOOST_REQUIRE_LE(at.hops, hops_max + 2 * 16);
      if (at.hops >= hops_max && (at.in_inbox || at.status == escalation_status::acknowledged)) break;
    }
    by_hops += at.hops >= hops_max ? 1 : 0;
    settled += at.status == escalation_status::resolved ? 1 : 0;
    BOOST_REQUIRE(at.status == escalation_status::resolved || at.in_inbox ||
                  at.status == escalation_status::acknowledged);
    if (!people_too) BOOST_REQUIRE_LE(agent_moves, agent_moves_max);
  }
  // The test would show little if chance always settled them early.
  BOOST_TEST(by_hops > 20);
  BOOST_TEST(settled > 100);
}

BOOST_AUTO_TEST_CASE(investigations_whose_tasks_fail_end_at_the_top) {
  std::mt19937 random{13};
  std::size_t longest = 0, ran_again = 0;
  for (int round = 0; round < 4'000; ++round) {
    auto org = random_org(random);
    const auto any = [&] { return any_of(org, random); };
    std::size_t generations = 0, below = 99;
    agent_path highest;
    bool repeats = false;
    for (;;) {
      auto step = raise_escalation(view(org), {any()}, !repeats && random() % 2 == 0, start, highest);
      if (step.after.in_inbox || (step.after.status != escalation_status::open && !step.retry)) break;
      // What failed runs again, and fails again; or a new task does.
      repeats = step.retry;
      ran_again += step.retry ? 1 : 0;
      // Its holder gives it to whom he may, has it settled after a task of the investigation was added, and that fails.
      auto hops = step.hops;
      for (auto given = random() % 3; given > 0; --given) {
        const auto wanted = by_agent(wish_to(escalation_action::delegate, any()), step.after.holder.text);
        if (const auto next = act_on(view(org), step.after, {"ceo.none"}, wanted, {}, start)) {
          step.after = next->after;
          hops.insert(hops.end(), next->hops.begin(), next->hops.end());
        }
      }
      highest = hops.front().holder;
      for (const auto& h : hops)
        if (h.holder.depth() < highest.depth()) highest = h.holder;
      BOOST_REQUIRE_LT(highest.depth(), below);
      below = highest.depth();
      ++generations;
    }
    longest = std::max(longest, generations);
  }
  BOOST_TEST(longest >= 3U);
  BOOST_TEST(ran_again > 50U);
}

BOOST_AUTO_TEST_SUITE_END()
