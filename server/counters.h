// What the server counts. This table is the documentation of the names.

#pragma once

#include <cstdint>
#include <string>

namespace server {

// Belongs to the network thread. All but the gauges only grow.
struct Counters {
#define AUSPEX_COUNTERS(X)                                                                       \
  X(sessions_open, "gauge: connections that are served")                                         \
  X(sessions_accepted_total, "connections that were served")                                     \
  X(sessions_replaced_total, "sessions ended for a new connection of the same address")          \
  X(sessions_ended_idle_total, "sessions ended by tcp_client_max_idle")                          \
  X(sessions_ended_slow_total, "sessions ended in the middle of a frame or a reply")             \
  X(sessions_ended_malformed_total, "sessions ended by a malformed frame or an endless line")    \
  X(sessions_ended_store_total, "sessions sent ENDING because the store could not write")        \
  X(connections_refused_wrap_total, "connections refused by hosts.allow and hosts.deny")         \
  X(connections_refused_port_total, "connections refused by tcp_client_ports")                   \
  X(connections_refused_dup_total, "connections refused by tcp_max_per_addr")                    \
  X(connections_refused_limit_total, "connections refused for want of file descriptors")         \
  X(accept_errors_total, "failures of accept(2)")                                                \
  X(streams_open, "gauge: streams of agents that are served")                                    \
  X(streams_accepted_total, "streams of agents that were served")                                \
  X(streams_replaced_total, "streams ended for a newer one of the same agent")                   \
  X(streams_refused_identity_total, "streams refused for want of a certificate with a name")     \
  X(streams_refused_role_total, "streams refused because the caller's role is not ingest")       \
  X(streams_refused_limit_total, "streams refused because there were too many, or agents")       \
  X(streams_ended_malformed_total, "streams ended by a message that breaks the contract")        \
  X(streams_ended_store_total, "streams ended because the store could not write")                \
  X(batches_stored_total, "batches of agents stored")                                            \
  X(batches_repeated_total, "batches of agents sent again that were stored before, dropped")     \
  X(batches_refused_gap_total, "batches of agents that did not follow the last, refused")        \
  X(batches_lost_total, "batches that agents say they have lost")                                \
  X(heartbeats_total, "heartbeats answered")                                                     \
  X(records_stored_total, "records stored, the collector's own included")                        \
  X(record_bytes_stored_total, "their bytes as the journal holds them")                          \
  X(records_malformed_total, "records stored as they are that are no audit records")             \
  X(records_unterminated_total, "last lines without a newline, stored as they are")              \
  X(records_duplicate_total, "records sent again that were stored before, dropped")              \
  X(records_own_dropped_total, "own records dropped: the queue was full or a write failed")      \
  X(records_lost_total, "records in ascii format, which nobody sends again, that found no disk") \
  X(hosts_overflowed_total, "batches stored under another host: the table of hosts was full")    \
  X(commits_total, "writes to the store")                                                        \
  X(commit_errors_total, "writes that failed: nothing of them was acknowledged")                 \
  X(commit_us_total, "microseconds spent in writes")                                             \
  X(commit_us_max, "gauge: the longest write, in microseconds")                                  \
  X(commit_records_max, "gauge: the largest group of records in one write")                      \
  X(store_problems_total, "failures to make, join or read blocks, and of the database itself")   \
  X(events_deleted_total, "events deleted by retention or to make room")                         \
  X(event_bytes_deleted_total, "what they have taken on the disk, without the index")            \
  X(retention_failures_total, "times that the retention policy could not be applied, whole")     \
  X(suspended, "gauge: 1 while an admin has the collector take nothing in")                      \
  X(deliveries_refused_suspended_total, "deliveries that came while it was suspended, refused")  \
  X(deliveries_refused_space_total, "deliveries that came while there was no space, refused")    \
  X(space_free_bytes, "gauge: free for records, without the reserve")                            \
  X(space_total_bytes, "gauge: of the file system of the store")                                 \
  X(space_reserve_bytes, "gauge: held by the reserve file")                                      \
  X(space_stage, "gauge: 0 ok, 1 space_left, 2 admin_space_left, 3 full, 4 error")               \
  X(space_suspended, "gauge: 1 while nothing is taken in for want of space")                     \
  X(space_changes_total, "changes of the stage, either way")                                     \
  X(space_resumed_total, "times that records were taken in again by itself")                     \
  X(space_check_errors_total, "times that the file system did not tell its free space")          \
  X(space_reserve_errors_total, "times that the reserve could not be made or given back")        \
  X(space_actions_started_total, "actions about space that were begun")                          \
  X(space_actions_failed_total, "actions about space that failed, and scripts")                  \
  X(space_actions_timed_out_total, "scripts and programs killed: they took too long")            \
  X(space_actions_dropped_total, "actions not taken: the last of the same cause went on")        \
  X(space_drops_total, "times that the oldest days were to be dropped")                          \
  X(space_dropped_bytes_total, "bytes of days that were dropped to make room")                   \
  X(deliveries_pending, "gauge: deliveries handed in and not yet stored")                        \
  X(bytes_pending, "gauge: their bytes")                                                         \
  X(bytes_pending_large, "gauge: of these, of deliveries of senders that have much under way")   \
  X(deliveries_large_total, "deliveries that waited for the turn of their sender: it sent much") \
  X(waits_for_room_total, "reads put off because too much waited for the disk")                  \
  X(waits_for_indexer_total, "times that large deliveries were put off for the indexer")         \
  X(quota_hosts, "gauge: hosts whose quotas are not untouched")                                  \
  X(quota_hosts_overflowed_total, "reads charged to all others: too many hosts had quotas")      \
  X(quota_delays_total, "reads put off because their host was over a quota")                     \
  X(quota_refused_records_total, "deliveries refused: too far over quota_records")               \
  X(quota_refused_bytes_day_total, "deliveries refused: over quota_bytes_day")                   \
  X(quota_days_passed_total, "times that a host passed quota_bytes_day: once a day and host")    \
  X(quota_records_lost_total, "records in ascii format lost, since a quota refused them")
#define AUSPEX_DECLARE(name, meaning) uint64_t name = 0;
  AUSPEX_COUNTERS(AUSPEX_DECLARE)
#undef AUSPEX_DECLARE
};

}  // namespace server
