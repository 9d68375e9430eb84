#include "client-plugin/rules/uring_operation.h"

#include <algorithm>
#include <iterator>

namespace client_plugin {

namespace {

// By their numbers: IORING_OP_NOP of include/uapi/linux/io_uring.h is 0.
constexpr std::string_view kNames[] = {"nop",
                                       "readv",
                                       "writev",
                                       "fsync",
                                       "read_fixed",
                                       "write_fixed",
                                       "poll_add",
                                       "poll_remove",
                                       "sync_file_range",
                                       "sendmsg",
                                       "recvmsg",
                                       "timeout",
                                       "timeout_remove",
                                       "accept",
                                       "async_cancel",
                                       "link_timeout",
                                       "connect",
                                       "fallocate",
                                       "openat",
                                       "close",
                                       "files_update",
                                       "statx",
                                       "read",
                                       "write",
                                       "fadvise",
                                       "madvise",
                                       "send",
                                       "recv",
                                       "openat2",
                                       "epoll_ctl",
                                       "splice",
                                       "provide_buffers",
                                       "remove_buffers",
                                       "tee",
                                       "shutdown",
                                       "renameat",
                                       "unlinkat",
                                       "mkdirat",
                                       "symlinkat",
                                       "linkat",
                                       "msg_ring",
                                       "fsetxattr",
                                       "setxattr",
                                       "fgetxattr",
                                       "getxattr",
                                       "socket",
                                       "uring_cmd",
                                       "send_zc",
                                       "sendmsg_zc",
                                       "read_multishot",
                                       "waitid",
                                       "futex_wait",
                                       "futex_wake",
                                       "futex_waitv",
                                       "fixed_fd_install",
                                       "ftruncate",
                                       "bind",
                                       "listen"};

}  // namespace

std::optional<uint32_t> UringOperationNumber(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name);
  if (found == std::end(kNames)) return std::nullopt;
  return static_cast<uint32_t>(found - std::begin(kNames));
}

std::string_view UringOperationName(uint32_t number) {
  return number < std::size(kNames) ? kNames[number] : std::string_view();
}

}  // namespace client_plugin
