// SPDX-License-Identifier: GPL-2.0-only
// Users and groups from their files: the C library's look-ups load shared libraries, which a static binary has
// not.
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>

#include <charconv>
#include <cstdio>
#include <memory>

#include "commands/launch.h"

namespace sockeye {

namespace {

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

std::vector<gid_t> groups_of(const UserIdentity& user) {
    std::vector<gid_t> groups = {user.gid};
    const File file(std::fopen("/etc/group", "re"));
    if (file == nullptr) return groups;
    while (const group* const entry = fgetgrent(file.get())) {
        for (char** member = entry->gr_mem; *member != nullptr; ++member) {
            if (*member == user.name && entry->gr_gid != user.gid) groups.push_back(entry->gr_gid);
        }
    }
    return groups;
}

}  // namespace

Result<UserIdentity> find_user(const std::string& name) {
    uid_t number = 0;
    const char* const end = name.data() + name.size();
    const auto [rest, failure] = std::from_chars(name.data(), end, number);
    const bool is_number = failure == std::errc{} && rest == end;
    if (const File file(std::fopen("/etc/passwd", "re")); file != nullptr) {
        while (const passwd* const entry = fgetpwent(file.get())) {
            if (is_number ? entry->pw_uid != number : name != entry->pw_name) continue;
            UserIdentity user{.name = entry->pw_name,
                              .home = entry->pw_dir,
                              .shell = entry->pw_shell,
                              .uid = entry->pw_uid,
                              .gid = entry->pw_gid,
                              .groups = {}};
            user.groups = groups_of(user);
            return user;
        }
    }
    if (is_number)
        return UserIdentity{
            .name = name, .home = {}, .shell = {}, .uid = number, .gid = number, .groups = {number}};
    return Error(fmt::format("--user: '{}' is no user in /etc/passwd: a name from there, or a number", name),
                 ExitCode::usage);
}

}  // namespace sockeye
