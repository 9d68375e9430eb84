// What an administrator wants done when the disk of the store runs out of space: auspexd.conf(5).

#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace server {

// In auditd's words. What they mean for a store that has no log files:
//
//   rotate     drop the oldest days that no hold protects
//   keep_logs  seal what is in memory, delete nothing
//   suspend    take nothing in until there is space again, or an admin resumes
enum class SpaceAction : uint8_t {
  kIgnore,
  kSyslog,
  kEmail,
  kExec,
  kRotate,
  kSuspend,
  kSingle,
  kHalt,
  kKeepLogs,
};

struct ChosenAction {
  SpaceAction action = SpaceAction::kIgnore;
  std::string script;  // An absolute path, only with kExec.

  friend bool operator==(const ChosenAction&, const ChosenAction&) = default;
};

// "75" is in MB, "5%" of the file system.
struct SpaceLimit {
  uint32_t number = 0;
  bool is_percent = false;

  friend bool operator==(const SpaceLimit&, const SpaceLimit&) = default;
};

// What clients of audisp-remote are told of records that find no disk.
enum class DiskFullSignal : uint8_t {
  kEnding,    // Try again later.
  kDiskFull,  // DISKFULL and DISKERROR, as auditd: a stock client then stops for good.
};

struct SpaceOptions {
  // Absent: 5 % of the file system, and at least twice what admin_space_left is set to. auditd's
  // stock file says 75 MB, which a fleet fills in a minute.
  std::optional<SpaceLimit> space_left;
  ChosenAction space_left_action = {.action = SpaceAction::kSyslog, .script = {}};

  // Absent: 2 % of the file system, and at most half of space_left.
  std::optional<SpaceLimit> admin_space_left;
  ChosenAction admin_space_left_action = {.action = SpaceAction::kSyslog, .script = {}};

  // A collector that stops is worse than one that forgets what is oldest. Where nothing may be
  // dropped, clients keep their records.
  ChosenAction disk_full_action = {.action = SpaceAction::kRotate, .script = {}};

  // Writes are tried again each second whatever the action.
  ChosenAction disk_error_action = {.action = SpaceAction::kSyslog, .script = {}};

  // auditd's defaults.
  bool verify_email = true;
  std::string action_mail_acct = "root";

  // The store may grow to max_log_file MB times num_logs, if honour_max_log_file says so. Without
  // that they mean nothing: the stock file's 8 MB times 5 were written for the log of one machine,
  // and would make a fleet's store forget nearly all.
  bool honour_max_log_file = false;
  uint32_t max_log_file = 0;  // 0: no limit.
  uint32_t num_logs = 0;
  ChosenAction max_log_file_action;

  DiskFullSignal disk_full_signal = DiskFullSignal::kEnding;

  // MB that are kept for the time when the disk is full: as much as open_blocks_memory, so that all
  // that is in memory can still be made into blocks, and days be deleted. At most a 32nd of the
  // file system. 0: nothing is kept.
  uint32_t reserve_space = 256;

  friend bool operator==(const SpaceOptions&, const SpaceOptions&) = default;
};

}  // namespace server
