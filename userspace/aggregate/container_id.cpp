// SPDX-License-Identifier: GPL-2.0-only
// Shapes, innermost component first:
//   docker-<id>.scope, cri-containerd-<id>.scope, crio-<id>.scope, libpod-<id>.scope   systemd driver
//   /docker/<id>, /kubepods/…/pod<uid>/<id>, /libpod_parent/libpod-<id>                 cgroupfs driver
//   kubepods-…slice:cri-containerd:<id>                                                 containerd, cgroupfs
// An engine's own processes inside (crio-conmon-<id>.scope, libpod-conmon-<id>.scope) are not the container.
#include "aggregate/container_id.h"

#include <algorithm>

namespace sockeye {
namespace {

constexpr std::size_t kIdLength = 64;

bool is_id(std::string_view text) {
    return text.size() == kIdLength && std::ranges::all_of(text, [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

std::string_view id_in_component(std::string_view component) {
    if (component.ends_with(".scope")) component.remove_suffix(6);
    if (const std::size_t colon = component.rfind(':'); colon != std::string_view::npos) {
        component.remove_prefix(colon + 1);
    }
    if (component.size() > kIdLength) {
        const std::string_view prefix = component.substr(0, component.size() - kIdLength);
        if (!prefix.ends_with('-') || prefix.ends_with("conmon-")) return {};
        component.remove_prefix(prefix.size());
    }
    return is_id(component) ? component : std::string_view{};
}

}  // namespace

std::string container_of(std::string_view cgroup_path) {
    while (!cgroup_path.empty()) {
        const std::size_t slash = cgroup_path.rfind('/');
        const std::string_view component =
            slash == std::string_view::npos ? cgroup_path : cgroup_path.substr(slash + 1);
        if (const std::string_view id = id_in_component(component); !id.empty()) return std::string(id);
        if (slash == std::string_view::npos) break;
        cgroup_path = cgroup_path.substr(0, slash);
    }
    return {};
}

}  // namespace sockeye
