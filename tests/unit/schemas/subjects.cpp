#include "schemas/subjects.hpp"

#include <boost/test/unit_test.hpp>

namespace cadre {

BOOST_AUTO_TEST_SUITE(subject_names)

BOOST_AUTO_TEST_CASE(subjects_are_as_documented) {
  const agent_path path{"ceo.data.ingest"};
  BOOST_TEST(subjects::command("acme", "batch") == "cadre.acme.cmd.batch");
  BOOST_TEST(subjects::commands("acme") == "cadre.acme.cmd.>");
  BOOST_TEST(subjects::agent("acme", path) == "cadre.acme.agent.ceo.data.ingest");
  BOOST_TEST(subjects::output("acme", path) == "cadre.acme.out.ceo.data.ingest");
  BOOST_TEST(subjects::verdict("acme", path) == "cadre.acme.verdict.ceo.data.ingest");
  BOOST_TEST(subjects::escalation("acme", path) == "cadre.acme.esc.ceo.data.ingest");
  BOOST_TEST(subjects::fire("acme", "nightly") == "cadre.acme.fire.nightly");
  BOOST_TEST(subjects::task("acme", "ingest") == "cadre.acme.task.ingest");
  BOOST_TEST(subjects::brief("acme") == "cadre.acme.brief");
  BOOST_TEST(subjects::log("acme", path) == "cadre.acme.log.ceo.data.ingest");
  BOOST_TEST(subjects::worker("acme", path, "claim") == "cadre.acme.worker.ceo.data.ingest.claim");
  BOOST_TEST(subjects::heartbeat("one") == "cadre.node.one.hb");
  BOOST_TEST(subjects::heartbeat("*") == "cadre.node.*.hb");
  BOOST_TEST(subjects::control("one") == "cadre.node.one.ctl");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre
