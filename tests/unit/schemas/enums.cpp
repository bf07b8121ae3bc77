#include "schemas/messages.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

namespace cadre {

namespace {

/// Every table must list each enumerator once, in order, from 0 to the last one.
template <named_enum E>
void check_table(E last) {
  const auto& table = enum_names<E>::value;
  BOOST_TEST(table.size() == static_cast<std::size_t>(last) + 1);
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto& [value, name] = table[i];
    BOOST_TEST(static_cast<std::size_t>(value) == i, name);
    BOOST_TEST(names.insert(name).second, name);
    BOOST_TEST(!name.empty());
    BOOST_TEST(to_text(value) == name);
    E read = last;
    BOOST_TEST(from_text(name, read));
    BOOST_TEST((read == value), name);
  }
  E untouched = last;
  BOOST_TEST(!from_text("no such name", untouched));
  BOOST_TEST((untouched == last));
  BOOST_TEST(to_text(static_cast<E>(static_cast<std::size_t>(last) + 1)) == "?");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(enum_tables)

BOOST_AUTO_TEST_CASE(every_table_is_complete) {
  check_table(errc::internal);
  check_table(agent_role::auditor);
  check_table(restart_type::temporary);
  check_table(restart_strategy::dynamic);
  check_table(auto_shutdown::all_significant);
  check_table(node_role::egress);
  check_table(exit_reason::noconnection);
  check_table(agent_state::stopped);
  check_table(task_status::stale);
  check_table(run_status::cancelled);
  check_table(output_mode::append);
  check_table(output_status::dropped);
  check_table(severity::critical);
  check_table(escalation_status::resolved);
  check_table(escalation_policy::retry);
  check_table(escalation_action::escalate);
  check_table(outcome_status::busy);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre
