#include "api/host_message.h"

#include "api/event_message.h"

namespace api {

namespace {

using auspex::v1::HostsResponse;

// Of both messages, whose fields have the same names.
template <typename Message>
storage::Losses TotalsOf(const Message& message) {
  return {.kernel_records = message.kernel_records(),
          .overruns = message.overruns(),
          .missing_events = message.missing_events(),
          .queue_records = message.queue_records(),
          .spool_records = message.spool_records(),
          .aged_records = message.aged_records(),
          .error_records = message.error_records()};
}

void Fill(const storage::HostContents& contents, HostsResponse::Contents* message) {
  message->set_records(contents.records);
  if (contents.first_ms) message->set_first_ms(*contents.first_ms);
  if (contents.last_ms) message->set_last_ms(*contents.last_ms);
  message->set_address(contents.address);
  message->set_bytes(contents.bytes);
}

storage::HostContents ContentsOf(const HostsResponse::Contents& message) {
  storage::HostContents contents{
      .records = message.records(), .bytes = message.bytes(), .address = message.address()};
  if (message.has_first_ms()) contents.first_ms = message.first_ms();
  if (message.has_last_ms()) contents.last_ms = message.last_ms();
  return contents;
}

void Fill(const storage::HostPace& pace, HostsResponse::Pace* message) {
  message->set_records_per_second(pace.records_per_second);
  if (pace.clock_lag_ms) message->set_clock_lag_ms(*pace.clock_lag_ms);
  message->set_last_received_ms(pace.last_received_ms);
}

storage::HostPace PaceOf(const HostsResponse::Pace& message) {
  storage::HostPace pace{.records_per_second = message.records_per_second(),
                         .last_received_ms = message.last_received_ms()};
  if (message.has_clock_lag_ms()) pace.clock_lag_ms = message.clock_lag_ms();
  return pace;
}

}  // namespace

void Fill(const storage::Losses& losses, HostsResponse::Losses* message) {
  message->set_kernel_records(losses.kernel_records);
  message->set_overruns(losses.overruns);
  message->set_missing_events(losses.missing_events);
  message->set_queue_records(losses.queue_records);
  message->set_spool_records(losses.spool_records);
  message->set_aged_records(losses.aged_records);
  message->set_error_records(losses.error_records);
}

storage::Losses LossesOf(const HostsResponse::Losses& message) { return TotalsOf(message); }

void Fill(const storage::ListedHost& host, HostsResponse::Host* message) {
  message->set_name(host.host.name);
  message->set_identity(MessageOf(host.host.kind));
  if (host.contents) Fill(*host.contents, message->mutable_contents());
  if (host.losses) Fill(*host.losses, message->mutable_losses());
  if (host.pace) Fill(*host.pace, message->mutable_pace());
}

storage::ListedHost HostOf(const HostsResponse::Host& message) {
  storage::ListedHost host{
      .host = {.kind = IdentityKindOf(message.identity()), .name = message.name()}};
  if (message.has_contents()) host.contents = ContentsOf(message.contents());
  if (message.has_losses()) host.losses = TotalsOf(message.losses());
  if (message.has_pace()) host.pace = PaceOf(message.pace());
  return host;
}

storage::BootLosses LossesOf(const auspex::v1::Losses& message) {
  return {.boot_id = message.boot_id(), .totals = TotalsOf(message)};
}

}  // namespace api
