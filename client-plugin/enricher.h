// Enrichment: what the numbers of a record mean on this host is written behind it, as auditd does
// with log_format = ENRICHED.
//
//   line  := raw [ 0x1d [ field ] { " " field } ]
//   field := NAME "=" meaning
//
// NAME is that of a field of the record, in capitals; fields come in the order of the record.
//
//   fields                                                    meaning
//   auid uid euid suid fsuid ouid oauid old-auid iuid id      the user's name, in quotes, or as
//   inode_uid sauid obj_uid                                   hexadecimal digits if it has odd
//                                                             bytes: "root", "unset" for -1,
//                                                             "unknown(N)"
//   gid egid sgid fsgid ogid igid inode_gid obj_gid new_gid   the same of the group
//   arch                                                      x86_64, i386, ...
//   syscall                                                   execve; socketcall(connect)
//   saddr                                                     { saddr_fam=inet laddr=... lport=...
//   }
//
// What looks strange is auditd's (3.0.9), and kept. In ADD_GROUP, GRP_MGMT and DEL_GROUP an id is a
// group's. A number that is none is 0, so "?" is "root". The syscall is known only where it stands
// behind arch at the front of a record, or as the eleventh field of SECCOMP: elsewhere it is
// "unknown-syscall(-1)". Fields for which the 9,225 bytes of auditd's buffer have no room are left
// out, the separator is not.
//
// Two things are not kept. auditd cuts a raw record off at 8,937 bytes. And it believes what a
// program has put behind a 0x1d of its own: here, fields and meanings there are not looked at.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "client-plugin/name_cache.h"

namespace client_plugin {

// For one thread at a time.
class Enricher {
 public:
  // The cache must outlive it, and be used by nobody else at the same time.
  explicit Enricher(NameCache& names);

  Enricher(const Enricher&) = delete;

  // Appends the tail to a line of AppendLine(), of a record of this type. Waits for the name
  // services if a name is not in the cache (name_cache.h): whoever reads from the kernel has to
  // have another thread. Allocates nothing but what the line and new names need.
  void Append(uint16_t message_type, std::string* line);

 private:
  struct Field;
  class FieldReader;

  // What kind of number a field has, if any of interest.
  enum class Meaning : uint8_t { kNone, kUser, kGroup, kArch, kSyscall, kSocketAddress };

  static Meaning MeaningOf(uint16_t message_type, std::string_view field_name);
  void AppendFields(uint16_t message_type, std::string_view raw);
  void AppendMeaning(Meaning meaning, const Field& field, const FieldReader& rest);
  void AppendName(Meaning meaning, std::string_view value);
  void AppendArch(const Field& field);
  void AppendSyscall(const Field& field, FieldReader rest);

  NameCache& names_;
  const int native_machine_;

  // Of the record in hand.
  std::string tail_;
  int machine_ = -1;  // One of libaudit's machine_t; negative if it is not known.
  int syscall_ = -1;
};

}  // namespace client_plugin
