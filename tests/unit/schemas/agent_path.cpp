#include "schemas/agent_path.hpp"

#include <boost/test/unit_test.hpp>

namespace cadre {

BOOST_AUTO_TEST_SUITE(agent_paths)

BOOST_AUTO_TEST_CASE(a_path_knows_its_manager_its_name_and_its_depth) {
  const agent_path ingest{"ceo.data.ingest"};
  BOOST_TEST(ingest.parent().text == "ceo.data");
  BOOST_TEST(ingest.name() == "ingest");
  BOOST_TEST(ingest.depth() == 3);
  BOOST_TEST(agent_path{"ceo"}.parent().empty());
  BOOST_TEST(agent_path{"ceo"}.name() == "ceo");
  BOOST_TEST(agent_path{"ceo"}.depth() == 1);
  BOOST_TEST(agent_path{}.depth() == 0);
  BOOST_TEST(agent_path{}.name() == "");
  BOOST_TEST(agent_path{}.parent().empty());
}

BOOST_AUTO_TEST_CASE(below_follows_tokens_not_letters) {
  const agent_path data{"ceo.data"};
  BOOST_TEST(agent_path{"ceo.data.ingest"}.is_below(data));
  BOOST_TEST(agent_path{"ceo.data.ingest.one"}.is_below(data));
  BOOST_TEST(!agent_path{"ceo.database"}.is_below(data));
  BOOST_TEST(!agent_path{"ceo.data"}.is_below(data));
  BOOST_TEST(!agent_path{"ceo"}.is_below(data));
  BOOST_TEST(!data.is_below(agent_path{}));
}

BOOST_AUTO_TEST_CASE(paths_and_tokens_are_told_from_other_text) {
  for (const auto* text : {"ceo", "ceo.data", "a.b-c.d9", "-"}) BOOST_TEST(is_agent_path(text), text);
  for (const auto* text :
       {"", ".", "ceo.", ".ceo", "ceo..data", "Ceo", "ceo data", "ceo.*", "ceo.>", "ceo_x", "c\xc3\xa9o"})
    BOOST_TEST(!is_agent_path(text), text);
  BOOST_TEST(is_token(std::string(63, 'a')));
  BOOST_TEST(!is_token(std::string(64, 'a')));
  BOOST_TEST(!is_token(""));
  BOOST_TEST(!is_token("a.b"));
  BOOST_TEST(!is_agent_path("ceo." + std::string(64, 'a')));

  std::string longest = "a";
  while (longest.size() < 199) longest += ".a";
  BOOST_TEST(longest.size() == 199);
  BOOST_TEST(is_agent_path(longest + "a"));
  BOOST_TEST(!is_agent_path(longest + "aa"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre
