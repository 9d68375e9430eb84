#include "client-plugin/rules/audit_rule.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

namespace client_plugin {

bool FieldHasText(uint32_t field) {
  if (field >= AUDIT_SUBJ_USER && field <= AUDIT_OBJ_LEV_HIGH) return field != AUDIT_PPID;
  return field == AUDIT_WATCH || field == AUDIT_DIR || field == AUDIT_FILTERKEY ||
         field == AUDIT_EXE;
}

SyscallMask AllSyscalls() {
  SyscallMask mask;
  mask.fill(~0U);
  return mask;
}

const RuleField* AuditRule::Find(uint32_t field) const {
  const auto found = std::ranges::find(fields, field, &RuleField::field);
  return found == fields.end() ? nullptr : &*found;
}

bool AuditRule::has_all_syscalls() const {
  return std::all_of(syscalls.begin(), syscalls.end() - 1,
                     [](uint32_t word) { return word == ~0U; });
}

bool AuditRule::HasKey(std::string_view text) const {
  return std::ranges::any_of(fields, [text](const RuleField& field) {
    return field.field == AUDIT_FILTERKEY && field.text.find(text) != std::string::npos;
  });
}

KernelRule ToKernel(const AuditRule& rule) {
  const size_t field_count = std::min<size_t>(rule.fields.size(), AUDIT_MAX_FIELDS);
  size_t text_bytes = 0;
  for (size_t i = 0; i < field_count; ++i) text_bytes += rule.fields[i].text.size();
  // Given back by audit_rule_free_data(), which is free(3).
  void* const memory = std::calloc(1, sizeof(audit_rule_data) + text_bytes);
  if (memory == nullptr) throw std::bad_alloc();
  KernelRule result(static_cast<audit_rule_data*>(memory));
  result->flags = rule.list;
  result->action = rule.action;
  std::ranges::copy(rule.syscalls, result->mask);
  for (size_t i = 0; i < field_count; ++i) {
    const RuleField& field = rule.fields[i];
    result->fields[i] = field.field;
    result->fieldflags[i] = field.op;
    result->values[i] = field.value;
    if (!FieldHasText(field.field)) continue;
    result->values[i] = static_cast<uint32_t>(field.text.size());
    std::memcpy(result->buf + result->buflen, field.text.data(), field.text.size());
    result->buflen += static_cast<uint32_t>(field.text.size());
  }
  result->field_count = static_cast<uint32_t>(field_count);
  return result;
}

absl::StatusOr<AuditRule> FromKernel(const audit_rule_data& rule, size_t bytes) {
  const absl::Status damaged =
      absl::DataLossError("a rule of the kernel has lengths that are wrong");
  if (bytes < sizeof(rule) || rule.buflen > bytes - sizeof(rule)) return damaged;
  if (rule.field_count > AUDIT_MAX_FIELDS) return damaged;
  AuditRule result;
  result.list = rule.flags & AUDIT_FILTER_MASK;
  result.action = rule.action;
  std::ranges::copy(rule.mask, result.syscalls.begin());
  std::string_view texts(rule.buf, rule.buflen);
  for (size_t i = 0; i < rule.field_count; ++i) {
    RuleField field = {.field = rule.fields[i] & ~uint32_t{AUDIT_OPERATORS},
                       .op = rule.fieldflags[i] & AUDIT_OPERATORS,
                       .value = rule.values[i],
                       .text = ""};
    if (FieldHasText(field.field)) {
      if (field.value > texts.size()) return damaged;
      field.text = texts.substr(0, field.value);
      texts.remove_prefix(field.value);
      field.value = 0;
    }
    result.fields.push_back(std::move(field));
  }
  return result;
}

}  // namespace client_plugin
