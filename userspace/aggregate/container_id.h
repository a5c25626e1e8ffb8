// SPDX-License-Identifier: GPL-2.0-only
// container_of: which container a cgroup path belongs to, by the names that container engines give.
#pragma once

#include <string>
#include <string_view>

namespace sockeye {

// The container's id: 64 hex digits as docker, containerd, cri-o and podman use them. Empty: no container,
// as for systemd's units and for paths of shapes unknown.
std::string container_of(std::string_view cgroup_path);

}  // namespace sockeye
