#include "client-plugin/name_cache.h"

#include <sys/stat.h>
#include <utility>

#include "absl/strings/str_cat.h"

#include "audit/field.h"

namespace client_plugin {

namespace {

using std::chrono::seconds;

// auditd cuts longer names. Programs of today refuse them.
constexpr size_t kNameBytesMax = 63;

}  // namespace

NameCache::NameCache(NameCacheOptions options)
    : options_(std::move(options)),
      now_(options_.now()),
      next_look_(now_ + seconds(1)),
      states_(States()) {}

void NameCache::Refresh() {
  now_ = options_.now();
  if (now_ < next_look_) return;
  next_look_ = now_ + seconds(1);
  std::vector<FileState> states = States();
  if (states == states_) return;
  states_ = std::move(states);
  ++counters_.forgotten_changes;
  Forget();
}

void NameCache::Forget() {
  users_.clear();
  groups_.clear();
}

NameCache::FileState NameCache::StateOf(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return {};
  // The time of the last change of the inode: unlike that of the contents, nobody can set it.
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .bytes = status.st_size,
          .changed_ns = status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec};
}

std::vector<NameCache::FileState> NameCache::States() const {
  std::vector<FileState> states;
  for (const std::string& path : options_.files) states.push_back(StateOf(path));
  return states;
}

std::string_view NameCache::Find(uint32_t id, Names* names, const NameCacheOptions::Find& find) {
  // auditd does not ask for these two either.
  if (id == 0) return "\"root\"";
  if (id == UINT32_MAX) return "\"unset\"";
  const auto found = names->find(id);
  if (found != names->end() && now_ < found->second.expires) return found->second.text;
  if (names->size() >= options_.names_max) {
    ++counters_.forgotten_full;
    names->clear();
  }
  return ((*names)[id] = LookUp(id, find)).text;
}

NameCache::Name NameCache::LookUp(uint32_t id, const NameCacheOptions::Find& find) {
  ++counters_.lookups;
  const std::optional<std::string> name = find(id);
  // The age begins with the answer: else one that took long would be out of date when it comes.
  const TimePoint answered = options_.now();
  if (name) {
    return {.text = audit::EncodeValue(std::string_view(*name).substr(0, kNameBytesMax)),
            .expires = answered + options_.known_age_max};
  }
  ++counters_.lookups_unknown;
  return {.text = absl::StrCat("\"unknown(", static_cast<int32_t>(id), ")\""),
          .expires = answered + options_.unknown_age_max};
}

}  // namespace client_plugin
