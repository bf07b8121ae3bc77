#include "schemas/batch.hpp"

#include "bus/connection.hpp"
#include "bus/detail/link.hpp"
#include "schemas/codec.hpp"
#include "schemas/subjects.hpp"
#include "support.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <future>

using namespace cadre;
using namespace cadre::bus;
using namespace cadre::bus::test;

namespace {

std::shared_ptr<connection> eager(const std::string& company, const std::string& url = shared_url()) {
  options o;
  o.url = url;
  o.company = company;
  o.gather_within = 10s;  // Whatever follows is gathered, however slow the machine.
  auto c = connection::open(o);
  BOOST_REQUIRE(c);
  return *c;
}

envelope numbered(const connection& c, std::int64_t seq) {
  event e;
  e.seq = seq;
  return c.make_envelope("ceo", 1, e);
}

std::int64_t seq_of(const incoming& in) {
  return std::get<event>(in.message.body).seq;
}

/// Sends bytes as a batch, as a stranger would; the answer, if `asks`.
std::string send_batch(connection& c, const std::string& subject, std::string_view bytes, bool asks = false) {
  const std::array<std::pair<const char*, std::string>, 1> with{{{"Content-Type", std::string{codec::batch_type}}}};
  if (!asks) return c.wire()->send(subject, {}, with, bytes) ? "" : "not sent";
  auto answer = std::make_shared<std::promise<std::string>>();
  auto future = answer->get_future();
  c.wire()->request(subject, with, bytes, 10s, [answer](result<natsMsg*> r) {
    answer->set_value(r ? std::string{detail::bytes_of(**r)} : r.error().message);
  });
  return future.get();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(batches_on_the_bus)

BOOST_AUTO_TEST_CASE(order_stays_whatever_else_is_sent_between) {
  const auto company = random_company();
  const auto a = eager(company), b = connect(company);
  collector<std::int64_t> got;
  const auto sub = b->subscribe("cadre." + company + ".log.>", [&](incoming in) {
    got.add(seq_of(in));
    must(b->reply(in, "b", 0, ack{}).has_value());
  });
  BOOST_REQUIRE(sub && b->flush(5s));
  const auto subject = [&](const char* path) { return "cadre." + company + ".log." + path; };
  std::int64_t n = 0;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 150; ++i) BOOST_REQUIRE(a->publish(subject("x"), numbered(*a, n++)));
    BOOST_REQUIRE(a->publish(subject("y"), numbered(*a, n++)));
    BOOST_REQUIRE(a->publish(subject("x"), numbered(*a, n++)));
    BOOST_REQUIRE(a->publish(subject("x"), numbered(*a, n++)));
    BOOST_REQUIRE(a->request_wait(subject("x"), numbered(*a, n++), 10s));
  }
  BOOST_REQUIRE(got.reaches(static_cast<std::size_t>(n)));
  const auto all = got.all();
  for (std::int64_t i = 0; i < n; ++i) BOOST_REQUIRE(all.at(static_cast<std::size_t>(i)) == i);
  BOOST_TEST(a->count().batches >= 50u);
  BOOST_TEST(a->count().published == static_cast<std::uint64_t>(n));
  BOOST_TEST(b->count().received == static_cast<std::uint64_t>(n));
}

BOOST_AUTO_TEST_CASE(the_last_ones_are_not_left_behind) {
  const auto company = random_company();
  const auto a = eager(company), b = connect(company);
  const auto subject = "cadre." + company + ".log.x";
  collector<std::int64_t> got;
  const auto sub = b->subscribe(subject, [&](const incoming& in) { got.add(seq_of(in)); });
  BOOST_REQUIRE(sub && b->flush(5s));
  std::size_t sent = 0;
  for (const int burst : {2, 3, 128, 129, 130, 257, 2}) {
    for (int i = 0; i < burst; ++i, ++sent) BOOST_REQUIRE(a->publish(subject, numbered(*a, 0)));
    BOOST_REQUIRE(got.reaches(sent));
  }
}

BOOST_AUTO_TEST_CASE(closing_sends_what_waits) {
  const auto company = random_company();
  const auto b = connect(company);
  const auto subject = "cadre." + company + ".log.x";
  collector<std::int64_t> got;
  const auto sub = b->subscribe(subject, [&](const incoming& in) { got.add(seq_of(in)); });
  BOOST_REQUIRE(sub && b->flush(5s));
  for (std::size_t round = 1; round <= 50; ++round) {
    auto a = eager(company);
    for (int i = 0; i < 2; ++i) BOOST_REQUIRE(a->publish(subject, numbered(*a, i)));
    a.reset();
    BOOST_REQUIRE(got.reaches(2 * round));
  }
}

BOOST_AUTO_TEST_CASE(what_came_together_is_passed_on_together) {
  const auto company = random_company();
  const auto a = eager(company), b = connect(company);
  const auto subject = "cadre." + company + ".log.x";
  collector<std::int64_t> got;
  std::atomic<std::size_t> calls{0}, most{0};
  const auto sub = b->subscribe_together(subject, [&](const std::vector<incoming>& all) {
    ++calls;
    most = std::max(most.load(), all.size());
    for (const auto& in : all) {
      must(in.bytes == codec::encode(in.message).size() && in.subject == subject && in.reply_to.empty());
      got.add(seq_of(in));
    }
  });
  BOOST_REQUIRE(sub && b->flush(5s));
  for (int i = 0; i < 1000; ++i) BOOST_REQUIRE(a->publish(subject, numbered(*a, i)));
  BOOST_REQUIRE(got.reaches(1000));
  const auto all = got.all();
  for (std::int64_t i = 0; i < 1000; ++i) BOOST_REQUIRE(all.at(static_cast<std::size_t>(i)) == i);
  BOOST_TEST(calls < 1000u);
  BOOST_TEST(most <= 128u);
}

BOOST_AUTO_TEST_CASE(none_are_made_where_that_is_switched_off) {
  const auto company = random_company();
  options o;
  o.url = shared_url();
  o.company = company;
  o.gather_within = 0us;
  const auto c = connection::open(o);
  BOOST_REQUIRE(c);
  for (int i = 0; i < 100; ++i) BOOST_REQUIRE((*c)->publish("cadre." + company + ".log.x", numbered(**c, i)));
  BOOST_TEST((*c)->count().batches == 0u);
  BOOST_TEST((*c)->count().published == 100u);
}

BOOST_AUTO_TEST_CASE(one_that_is_wrong_is_refused_alone) {
  const auto company = random_company();
  const auto a = connect(company), b = connect(company);
  const auto subject = "cadre." + company + ".log.x";
  collector<std::int64_t> got;
  collector<refusal> refused;
  const auto watch = b->on_refused([&](const refusal& r) { refused.add(r); });
  const auto sub = b->subscribe(subject, [&](const incoming& in) { got.add(seq_of(in)); });
  BOOST_REQUIRE(sub && b->flush(5s));
  auto foreign = numbered(*a, 2);
  foreign.company = "other";
  auto spoilt = numbered(*a, 3);
  std::get<event>(spoilt.body).data.text = "{no json";
  codec::batch_writer batch;
  batch.add(codec::encode(numbered(*a, 1)));
  batch.add("\xc1");
  batch.add(codec::encode(foreign));
  batch.add(codec::encode(spoilt));
  batch.add(codec::encode(numbered(*a, 4)));
  BOOST_TEST(send_batch(*a, subject, batch.bytes()) == "");
  BOOST_REQUIRE(got.reaches(2));
  BOOST_TEST(got.all().at(0) == 1);
  BOOST_TEST(got.all().at(1) == 4);
  BOOST_TEST(b->count().refused_malformed == 2u);
  BOOST_TEST(b->count().refused_company == 1u);
  BOOST_TEST(b->count().received == 2u);
  BOOST_REQUIRE(refused.reaches(2));
  BOOST_TEST(refused.all().at(1).sender == "other/ceo");
}

BOOST_AUTO_TEST_CASE(a_batch_that_is_wrong_or_asks_is_refused_whole_and_told) {
  const auto company = random_company();
  const auto a = connect(company), b = connect(company);
  const auto subject = "cadre." + company + ".log.x";
  collector<std::int64_t> got;
  const auto sub = b->subscribe(subject, [&](const incoming& in) { got.add(seq_of(in)); });
  BOOST_REQUIRE(sub && b->flush(5s));
  codec::batch_writer batch;
  batch.add(codec::encode(numbered(*a, 1)));
  for (const auto& bytes : {std::string{batch.bytes()}, std::string{"\x91\x02"}, std::string{"{}"}}) {
    const auto answer = codec::decode(send_batch(*a, subject, bytes, true), codec::msgpack_type);
    BOOST_REQUIRE(answer);
    BOOST_TEST((std::get<error_reply>(answer->body).error.code == errc::bad_message));
  }
  BOOST_TEST(b->count().refused_malformed == 3u);
  BOOST_TEST(got.size() == 0u);
}

BOOST_AUTO_TEST_CASE(with_the_server_gone_every_message_is_accounted_for) {
  own_server server;
  const auto c = eager("acme", server.url());
  std::uint64_t told = 0;
  for (int i = 0; i < 2000; ++i) {
    if (i == 500) server.kill();
    told += c->publish("cadre.acme.log.x", numbered(*c, i)) ? 0 : 1;
  }
  BOOST_TEST(eventually([&] {
    const auto n = c->count();
    return n.published + n.publish_failed == 2000;
  }));
  BOOST_TEST(c->count().publish_failed >= told);
}

BOOST_AUTO_TEST_SUITE_END()
