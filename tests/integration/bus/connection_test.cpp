#include "bus/connection.hpp"

#include "schemas/subjects.hpp"
#include "support.hpp"

#include <future>

using namespace cadre;
using namespace cadre::bus;
using namespace cadre::bus::test;

namespace {

message progress_batch(std::string text) {
  command c;
  c.id = new_id<command_id>();
  c.from = "ceo.a";
  run_progress p;
  p.run = new_id<run_id>();
  p.progress.text = "\"" + std::move(text) + "\"";
  c.body = p;
  command_batch b;
  b.commands.push_back(c);
  return b;
}

std::string text_of(const envelope& e) {
  const auto& batch = std::get<command_batch>(e.body);
  const auto& json = std::get<run_progress>(batch.commands.at(0).body).progress.text;
  return json.substr(1, json.size() - 2);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(connecting)

BOOST_AUTO_TEST_CASE(nobody_there_is_an_error_that_names_the_url) {
  options o;
  o.url = "nats://127.0.0.1:1";
  o.company = "acme";
  const auto c = connection::open(o);
  BOOST_REQUIRE(!c);
  BOOST_TEST((c.error().code == errc::unreachable));
  BOOST_TEST(c.error().message.find("nats://127.0.0.1:1") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_company_that_is_no_token_is_refused) {
  options o;
  o.url = shared_url();
  o.company = "a.>";
  const auto c = connection::open(o);
  BOOST_REQUIRE(!c);
  BOOST_TEST((c.error().code == errc::bad_value));
}

BOOST_AUTO_TEST_CASE(it_may_wait_for_a_server_that_comes_later) {
  own_server server;
  server.kill();
  options o;
  o.url = server.url();
  o.company = "acme";
  o.retry_first_connect = true;
  o.reconnect_wait = 20ms;
  auto c = connection::open(o);
  BOOST_REQUIRE(c);
  BOOST_TEST(!(*c)->connected());
  server.start();
  BOOST_TEST(eventually([&] { return (*c)->connected(); }));
}

BOOST_AUTO_TEST_CASE(status_follows_the_server_and_subscriptions_come_back) {
  own_server server;
  const auto c = connect("acme", server.url());
  collector<bool> states;
  const auto watch = c->on_status([&](bool up) { states.add(up); });
  collector<std::string> got;
  const auto sub = c->subscribe("cadre.acme.agent.>", [&](incoming in) { got.add(in.subject); });
  BOOST_REQUIRE(sub);
  server.kill();
  BOOST_REQUIRE(states.reaches(1));
  server.start();
  BOOST_REQUIRE(states.reaches(2));
  BOOST_TEST(states.all().at(0) == false);
  BOOST_TEST(states.all().at(1) == true);
  BOOST_REQUIRE(c->publish("cadre.acme.agent.ceo", c->make_envelope("cli", 0, ack{})));
  BOOST_TEST(got.reaches(1));
  BOOST_TEST(c->count().reconnects == 1u);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(publish_and_subscribe)

BOOST_AUTO_TEST_CASE(messages_arrive_in_order_with_their_envelope) {
  const auto company = random_company();
  const auto a = connect(company), b = connect(company);
  collector<incoming> got;
  const auto subject = subjects::agent(company, {"ceo.data"});
  const auto sub = b->subscribe(subject, [&](incoming in) { got.add(std::move(in)); });
  BOOST_REQUIRE(sub);
  BOOST_REQUIRE(b->flush(5s));
  for (int i = 0; i < 500; ++i)
    BOOST_REQUIRE(a->publish(subject, a->make_envelope("node.x", 7, progress_batch(std::to_string(i)))));
  BOOST_REQUIRE(got.reaches(500));
  const auto all = got.all();
  for (int i = 0; i < 500; ++i) BOOST_TEST(text_of(all.at(i).message) == std::to_string(i));
  BOOST_TEST(all.front().message.from == "node.x");
  BOOST_TEST(all.front().message.incarnation == 7u);
  BOOST_TEST(all.front().message.company == company);
  BOOST_TEST(all.front().subject == subject);
  BOOST_TEST(!all.front().message.id.empty());
  BOOST_TEST(all.front().reply_to.empty());
  BOOST_TEST(all.front().bytes > 0u);
  BOOST_TEST(b->count().received == 500u);
}

BOOST_AUTO_TEST_CASE(after_the_subscription_is_gone_its_handler_never_runs) {
  const auto company = random_company();
  const auto c = connect(company);
  for (int round = 0; round < 30; ++round) {
    auto alive = std::make_shared<std::atomic<bool>>(true);
    std::atomic<int> after_end{0}, calls{0};
    auto sub = c->subscribe("cadre." + company + ".agent.x", [&, alive](incoming) {
      ++calls;
      std::this_thread::sleep_for(200us);
      if (!*alive) ++after_end;
    });
    BOOST_REQUIRE(sub);
    for (int i = 0; i < 50; ++i)
      BOOST_REQUIRE(c->publish("cadre." + company + ".agent.x", c->make_envelope("cli", 0, ack{})));
    BOOST_REQUIRE(eventually([&] { return calls > 0; }));
    sub->reset();
    *alive = false;
    std::this_thread::sleep_for(1ms);
    BOOST_REQUIRE(after_end == 0);
  }
}

BOOST_AUTO_TEST_CASE(a_handler_may_end_its_own_subscription) {
  const auto company = random_company();
  const auto c = connect(company);
  subscription held;
  std::mutex m;
  std::atomic<int> calls{0};
  auto sub = c->subscribe("cadre." + company + ".agent.x", [&](incoming) {
    std::lock_guard lock(m);
    ++calls;
    held.reset();
  });
  BOOST_REQUIRE(sub);
  {
    std::lock_guard lock(m);
    held = std::move(*sub);
  }
  for (int i = 0; i < 10; ++i)
    BOOST_REQUIRE(c->publish("cadre." + company + ".agent.x", c->make_envelope("cli", 0, ack{})));
  BOOST_REQUIRE(c->flush(5s));
  BOOST_REQUIRE(eventually([&] { return calls > 0; }));
  std::this_thread::sleep_for(20ms);
  BOOST_TEST(calls == 1);
  std::lock_guard lock(m);
  BOOST_TEST(!held);
}

BOOST_AUTO_TEST_CASE(a_slow_handler_loses_messages_visibly) {
  const auto company = random_company();
  options o;
  o.url = shared_url();
  o.company = company;
  o.pending_messages_max = 10;
  o.gather_within = 0us;  // A batch would count as one.
  auto c = connection::open(o);
  BOOST_REQUIRE(c);
  std::promise<void> go;
  const auto gone = go.get_future().share();
  std::atomic<int> calls{0};
  const auto sub = (*c)->subscribe("cadre." + company + ".agent.x", [&](incoming) {
    ++calls;
    gone.wait();
  });
  BOOST_REQUIRE(sub);
  for (int i = 0; i < 200; ++i)
    BOOST_REQUIRE((*c)->publish("cadre." + company + ".agent.x", (*c)->make_envelope("cli", 0, ack{})));
  BOOST_TEST(eventually([&] { return (*c)->count().dropped_slow >= 180; }));
  go.set_value();
  BOOST_TEST(eventually([&] { return static_cast<unsigned>(calls) + (*c)->count().dropped_slow == 200; }));
}

BOOST_AUTO_TEST_CASE(what_is_sent_without_a_server_is_bounded) {
  own_server server;
  options o;
  o.url = server.url();
  o.company = "acme";
  o.reconnect_buffer_bytes = 64 * 1024;
  auto c = connection::open(o);
  BOOST_REQUIRE(c);
  server.kill();
  BOOST_REQUIRE(eventually([&] { return !(*c)->connected(); }));
  const auto e = (*c)->make_envelope("cli", 0, progress_batch(std::string(8000, 'x')));
  failure last;
  for (int i = 0; i < 20 && last.code == errc::none; ++i)
    if (auto r = (*c)->publish("cadre.acme.agent.x", e); !r) last = r.error();
  BOOST_TEST(to_text(last.code) == "busy");
  BOOST_TEST((*c)->count().publish_failed == 1u);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(request_and_reply)

BOOST_AUTO_TEST_CASE(answers_reach_their_questions) {
  const auto company = random_company();
  const auto a = connect(company), b = connect(company);
  const auto subject = subjects::command(company, "batch");
  const auto sub = b->subscribe(subject, [&](incoming in) {
    must(b->reply(in, "node.b", 3, progress_batch("re " + text_of(in.message))).has_value());
  });
  BOOST_REQUIRE(sub && b->flush(5s));
  collector<std::pair<int, std::string>> got;
  for (int i = 0; i < 300; ++i) {
    const auto question = a->make_envelope("node.a", 0, progress_batch(std::to_string(i)));
    a->request(subject, question, 10s, [&, i, id = question.id](result<envelope> r) {
      got.add({i, r && r->causation == id && r->incarnation == 3 ? text_of(*r) : "wrong"});
    });
  }
  BOOST_REQUIRE(got.reaches(300));
  for (const auto& [i, text] : got.all()) BOOST_TEST(text == "re " + std::to_string(i));
  BOOST_TEST(a->count().requests_pending == 0u);
}

BOOST_AUTO_TEST_CASE(without_responders_it_fails_at_once) {
  const auto company = random_company();
  const auto c = connect(company);
  const auto r = c->request_wait(subjects::control("nobody"), c->make_envelope("cli", 0, ack{}), 1h);
  BOOST_REQUIRE(!r);
  BOOST_TEST(to_text(r.error().code) == "unreachable");
  BOOST_TEST(c->count().requests_unanswerable == 1u);
}

BOOST_AUTO_TEST_CASE(without_an_answer_it_times_out_and_a_late_answer_is_ignored) {
  const auto company = random_company();
  const auto c = connect(company);
  collector<incoming> got;
  const auto sub = c->subscribe("cadre." + company + ".agent.x", [&](incoming in) { got.add(std::move(in)); });
  BOOST_REQUIRE(sub);
  collector<failure> answers;
  c->request("cadre." + company + ".agent.x", c->make_envelope("cli", 0, ack{}), 30ms,
             [&](result<envelope> r) { answers.add(r ? failure{} : r.error()); });
  BOOST_REQUIRE(answers.reaches(1));
  BOOST_TEST(to_text(answers.all().at(0).code) == "unreachable");
  BOOST_TEST(c->count().requests_timed_out == 1u);
  BOOST_REQUIRE(got.reaches(1));
  BOOST_REQUIRE(c->reply(got.all().at(0), "x", 0, ack{}));
  BOOST_REQUIRE(c->flush(5s));
  std::this_thread::sleep_for(20ms);
  BOOST_TEST(answers.size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_error_reply_is_a_failure) {
  const auto company = random_company();
  const auto c = connect(company);
  const auto sub = c->subscribe("cadre." + company + ".agent.x", [&](incoming in) {
    must(c->reply(in, "x", 0, error_reply{{errc::not_leader, "ask iron-pc"}}).has_value());
  });
  BOOST_REQUIRE(sub);
  const auto r = c->request_wait("cadre." + company + ".agent.x", c->make_envelope("cli", 0, ack{}), 10s);
  BOOST_REQUIRE(!r);
  BOOST_TEST((r.error() == failure{errc::not_leader, "ask iron-pc"}));
}

BOOST_AUTO_TEST_CASE(pending_requests_are_bounded_and_end_with_the_connection) {
  const auto company = random_company();
  options o;
  o.url = shared_url();
  o.company = company;
  o.requests_max = 5;
  auto c = *connection::open(o);
  const auto silent = connect(company);
  const auto sub = silent->subscribe("cadre." + company + ".agent.x", [](incoming) {});
  BOOST_REQUIRE(sub && silent->flush(5s));
  collector<std::string> ends;
  for (int i = 0; i < 8; ++i)
    c->request("cadre." + company + ".agent.x", c->make_envelope("cli", 0, ack{}), 1h,
               [&](result<envelope> r) { ends.add(std::string(r ? "answer" : to_text(r.error().code))); });
  BOOST_REQUIRE(ends.reaches(3));
  for (const auto& e : ends.all()) BOOST_TEST(e == "busy");
  BOOST_TEST(c->count().requests_pending == 5u);
  c.reset();
  BOOST_REQUIRE_EQUAL(ends.size(), 8u);
  BOOST_TEST(ends.all().back() == "unreachable");
}

BOOST_AUTO_TEST_CASE(what_is_too_large_is_not_sent) {
  const auto company = random_company();
  const auto c = connect(company);
  const auto e = c->make_envelope("cli", 0, progress_batch(std::string(limits::message_bytes_max, 'x')));
  const auto published = c->publish("cadre." + company + ".agent.x", e);
  BOOST_REQUIRE(!published);
  BOOST_TEST(to_text(published.error().code) == "too_large");
  const auto asked = c->request_wait("cadre." + company + ".agent.x", e, 1s);
  BOOST_REQUIRE(!asked);
  BOOST_TEST(to_text(asked.error().code) == "too_large");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(plain_messages)

BOOST_AUTO_TEST_CASE(they_go_as_they_are_and_come_as_they_came) {
  const auto company = random_company();
  const auto serving = connect(company);
  const auto asking = connect(company);
  const auto subject = "cadre." + company + ".worker.ceo.a.echo";
  // Of any size that the server lets pass: the handler judges it.
  auto heard = serving->subscribe_plain(subject, [serving](const plain_message& m) {
    must(!m.reply_to.empty());
    const auto text = m.body.size() > 1'000 ? std::to_string(m.body.size()) : std::string{m.body};
    must(serving->publish_plain(std::string{m.reply_to}, "{\"said\":" + text + "}").has_value());
  });
  BOOST_REQUIRE(heard);
  BOOST_REQUIRE(serving->flush(5s));
  const auto answer = asking->request_plain_wait(subject, "[1,2]", 5s);
  BOOST_REQUIRE(answer);
  BOOST_TEST(*answer == "{\"said\":[1,2]}");
  const std::string large(1024 * 1024, 'x');
  const auto judged = asking->request_plain_wait(subject, large, 5s);
  BOOST_REQUIRE(judged);
  BOOST_TEST(*judged == "{\"said\":1048576}");
  for (const auto& refused : {asking->request_plain_wait(subject, large + "x", 5s).error(),
                              asking->publish_plain(subject, large + "x").error()})
    BOOST_TEST((refused.code == errc::too_large));
}

BOOST_AUTO_TEST_CASE(nobody_there_is_known_at_once) {
  const auto company = random_company();
  const auto c = connect(company);
  const auto begun = std::chrono::steady_clock::now();
  const auto answer = c->request_plain_wait("cadre." + company + ".worker.ceo.a.claim", "{}", 60s);
  BOOST_REQUIRE(!answer);
  BOOST_TEST((answer.error().code == errc::unreachable));
  BOOST_TEST((std::chrono::steady_clock::now() - begun < 30s));
}

BOOST_AUTO_TEST_SUITE_END()
