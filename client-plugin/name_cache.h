// The names of users and groups, as records have them.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "base/user_database.h"

namespace client_plugin {

struct NameCacheOptions {
  using Find = std::function<std::optional<std::string>(uint32_t id)>;

  Find find_user = base::FindUserName;
  Find find_group = base::FindGroupName;

  // When one of them changes, all names are forgotten.
  std::vector<std::string> files = {"/etc/passwd", "/etc/group", "/etc/nsswitch.conf"};

  // Of users, and as many of groups. More than a host has, but for those that make numbers up.
  size_t names_max = 16384;

  // The names of a directory in the network change without a file.
  std::chrono::seconds known_age_max{600};

  // A directory that cannot be reached is asked again after this time, and holds up records each
  // time it is.
  std::chrono::seconds unknown_age_max{30};

  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
};

// They only grow.
struct NameCacheCounters {
  uint64_t lookups = 0;            // Questions to the name services,
  uint64_t lookups_unknown = 0;    // and those of them that had no answer.
  uint64_t forgotten_changes = 0;  // How often all was forgotten because a file had changed,
  uint64_t forgotten_full = 0;     // and because there were too many names.
};

// For one thread at a time.
class NameCache {
 public:
  explicit NameCache(NameCacheOptions options = {});

  NameCache(const NameCache&) = delete;

  // The name, encoded: "unset" for -1, "unknown(NUMBER)" for who has none. A number that is not in
  // the cache waits for the name services, which can take seconds; so does the thread. Valid until
  // the next call.
  std::string_view User(uint32_t id) { return Find(id, &users_, options_.find_user); }
  std::string_view Group(uint32_t id) { return Find(id, &groups_, options_.find_group); }

  // Takes note of the time and, once a second, of changes of the files. To be called with each
  // record: what a name was is older than a second only by mistake of the name services.
  void Refresh();

  // Forgets all names.
  void Forget();

  const NameCacheCounters& counters() const { return counters_; }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Name {
    std::string text;
    TimePoint expires;
  };
  using Names = absl::flat_hash_map<uint32_t, Name>;

  // What stat(2) tells of a file, to be compared.
  struct FileState {
    uint64_t device = 0;  // All 0 if there is no such file.
    uint64_t inode = 0;
    int64_t bytes = 0;
    int64_t changed_ns = 0;

    friend bool operator==(const FileState&, const FileState&) = default;
  };

  static FileState StateOf(const std::string& path);
  std::vector<FileState> States() const;
  std::string_view Find(uint32_t id, Names* names, const NameCacheOptions::Find& find);
  Name LookUp(uint32_t id, const NameCacheOptions::Find& find);

  const NameCacheOptions options_;
  TimePoint now_;  // Of the last Refresh().
  TimePoint next_look_;
  std::vector<FileState> states_;
  Names users_;
  Names groups_;
  NameCacheCounters counters_;
};

}  // namespace client_plugin
