#include "api/hold_message.h"

namespace api {

void Fill(const storage::Hold& hold, auspex::v1::Hold* message) {
  message->set_id(hold.id);
  message->set_host_pattern(hold.host_pattern);
  message->set_from_ms(hold.from_ms);
  message->set_to_ms(hold.to_ms);
  message->set_reason(hold.reason);
  message->set_placed_by(hold.placed_by);
  message->set_placed_ms(hold.placed_ms);
}

storage::Hold HoldOf(const auspex::v1::Hold& message) {
  return {.id = message.id(),
          .host_pattern = message.host_pattern(),
          .from_ms = message.from_ms(),
          .to_ms = message.to_ms(),
          .reason = message.reason(),
          .placed_by = message.placed_by(),
          .placed_ms = message.placed_ms()};
}

void Fill(const storage::RuleEffect& effect,
          auspex::v1::PreviewRetentionResponse::Effect* message) {
  message->set_rule(effect.rule);
  message->set_hosts(effect.hosts);
  message->set_host_days(effect.host_days);
  message->set_events(effect.events);
  message->set_records(effect.records);
  message->set_bytes(effect.bytes);
  message->set_held_host_days(effect.held_host_days);
  message->set_held_events(effect.held_events);
  message->set_held_bytes(effect.held_bytes);
}

storage::RuleEffect EffectOf(const auspex::v1::PreviewRetentionResponse::Effect& message) {
  return {.rule = message.rule(),
          .hosts = message.hosts(),
          .host_days = message.host_days(),
          .events = message.events(),
          .records = message.records(),
          .bytes = message.bytes(),
          .held_host_days = message.held_host_days(),
          .held_events = message.held_events(),
          .held_bytes = message.held_bytes()};
}

}  // namespace api
