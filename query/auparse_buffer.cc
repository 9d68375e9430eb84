#include "query/auparse_buffer.h"

#include <new>

namespace query {

namespace {

auparse_esc_t LibraryMode(EscapeMode mode) {
  switch (mode) {
    case EscapeMode::kRaw:
      return AUPARSE_ESC_RAW;
    case EscapeMode::kTty:
      return AUPARSE_ESC_TTY;
    case EscapeMode::kShell:
      return AUPARSE_ESC_SHELL;
    case EscapeMode::kShellQuote:
      return AUPARSE_ESC_SHELL_QUOTE;
  }
  return AUPARSE_ESC_TTY;
}

}  // namespace

AuparseBuffer::AuparseBuffer(EscapeMode mode) : state_(auparse_init(AUSOURCE_BUFFER, "")) {
  // It has no other reason to fail.
  if (state_ == nullptr) throw std::bad_alloc();
  auparse_set_escape_mode(state_.get(), LibraryMode(mode));
}

void AuparseBuffer::Load(std::string_view lines) {
  if (auparse_new_buffer(state_.get(), lines.data(), lines.size()) != 0) throw std::bad_alloc();
}

}  // namespace query
