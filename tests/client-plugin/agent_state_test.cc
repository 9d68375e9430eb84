#include "client-plugin/agent_state.h"

#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace client_plugin {
namespace {

using testing::HasSubstr;
using testing::Not;

// Something of everything.
AgentState State() {
  AgentState state;
  state.source = "netlink";
  state.queue.records = 7;
  state.kernel.emplace();
  state.kernel->backlog_limit = 64;
  state.worker.lines.filters.push_back(
      {.text = "exe=/a\"\\\n", .records = 3, .events = 2, .bytes = 100});
  state.losses.queue_records = 5;
  state.outlet = {.counters = {.is_connected = true}, .destination = "a:1", .problem = ""};
  return state;
}

// The names behind # TYPE.
std::multiset<std::string> MetricsOf(const std::string& text) {
  std::multiset<std::string> names;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("# TYPE ")) continue;
    const size_t begin = 7;
    names.insert(line.substr(begin, line.find(' ', begin) - begin));
  }
  return names;
}

std::multiset<std::string> ExplainedMetrics() {
  std::ifstream file(AUSPEX_SOURCE_DIR "/deploy/man/auspex-agent.8");
  std::multiset<std::string> names;
  for (std::string line; std::getline(file, line);) {
    const std::string item = ".It Li auspex_agent_";
    if (line.starts_with(item)) names.insert(line.substr(7));
  }
  return names;
}

TEST(AgentState, TellsTheMetricsThatTheManualExplains) {
  EXPECT_EQ(MetricsOf(ToPrometheus(State())), ExplainedMetrics());
}

TEST(AgentState, TellsPrometheusWhatFiltersDrop) {
  const std::string text = ToPrometheus(State());
  EXPECT_THAT(text,
              HasSubstr("\nauspex_agent_filtered_records_total{filter=\"exe=/a\\\"\\\\\\n\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE auspex_agent_queue_bytes gauge\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE auspex_agent_lost_queue_records_total counter\n"));
  EXPECT_THAT(text, HasSubstr("\nauspex_agent_lost_queue_records_total 5\n"));
  EXPECT_THAT(ToPrometheus(AgentState()), Not(HasSubstr("filtered")));
}

TEST(AgentState, SaysInWordsHowItGoes) {
  AgentState state = State();
  EXPECT_THAT(ToText(state), HasSubstr("delivers   to a:1\n"));
  EXPECT_THAT(ToText(state), HasSubstr("queue 5"));
  EXPECT_THAT(ToText(state), HasSubstr("backlog 0 of 64"));
  state.outlet.counters.is_connected = false;
  state.outlet.problem = "a:1: no route";
  state.losses = Losses();
  EXPECT_THAT(ToText(state), HasSubstr("delivers   no: a:1: no route\n"));
  EXPECT_THAT(ToText(state), HasSubstr("lost       nothing since the boot\n"));
}

TEST(AgentState, IsJsonWhateverIsInIt) {
  AgentState state = State();
  state.worker.problem = "\xff";
  const std::string json = ToJson(state);
  EXPECT_THAT(json, HasSubstr("\"queue_records_total\": 7"));
  EXPECT_THAT(json, HasSubstr("\"spool_problem\": \"\xef\xbf\xbd\""));
  EXPECT_THAT(json, HasSubstr("\"lost_queue_records_total\": 5"));
}

}  // namespace
}  // namespace client_plugin
