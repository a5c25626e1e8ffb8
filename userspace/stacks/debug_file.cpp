// SPDX-License-Identifier: GPL-2.0-only
// The order is libdwfl's (find-debuginfo.c in elfutils), without its compressed files and its servers.
#include "stacks/debug_file.h"

#include <elfutils/libdwelf.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "stacks/process_file.h"

namespace sockeye {
namespace {

constexpr std::string_view kHostDebug = "/usr/lib/debug";
// Files without a build-id are told by a checksum, for which they must be read whole.
constexpr std::uint64_t kMostChecked = 256U << 20U;

using IdBytes = std::span<const unsigned char>;

struct WantedFile {
    IdBytes id;                        // empty: the program has none
    std::optional<std::uint32_t> crc;  // of the whole file, if there is no id; absent: not known
};

bool has_id(const UniqueFd& file, IdBytes wanted) {
    struct End {
        void operator()(Elf* elf) const { elf_end(elf); }
    };
    const std::unique_ptr<Elf, End> elf(elf_begin(file.get(), ELF_C_READ_MMAP_PRIVATE, nullptr));
    const void* id = nullptr;
    const ssize_t length = elf != nullptr ? dwelf_elf_gnu_build_id(elf.get(), &id) : 0;
    return length > 0 && static_cast<std::size_t>(length) == wanted.size() &&
           std::memcmp(id, wanted.data(), wanted.size()) == 0;
}

bool has_checksum(const UniqueFd& file, std::uint64_t size, std::uint32_t wanted) {
    if (size > kMostChecked) return false;
    std::vector<unsigned char> bytes(1U << 16U);
    uLong sum = crc32(0, nullptr, 0);
    for (off_t at = 0; static_cast<std::uint64_t>(at) < size;) {
        const ssize_t got = pread(file.get(), bytes.data(), bytes.size(), at);
        if (got <= 0) return false;
        sum = crc32(sum, bytes.data(), static_cast<uInt>(got));
        at += got;
    }
    return sum == wanted;
}

bool is_wanted_file(const UniqueFd& file, const WantedFile& wanted, const ModuleOrigin& origin) {
    struct stat about {};
    if (!file.valid() || fstat(file.get(), &about) != 0 || !begins_as_elf(file)) return false;
    if (about.st_dev == origin.device && about.st_ino == origin.inode) return false;  // the program itself
    if (!wanted.id.empty()) return has_id(file, wanted.id);
    return !wanted.crc || has_checksum(file, static_cast<std::uint64_t>(about.st_size), *wanted.crc);
}

UniqueFd open_host_file(std::string_view path) {
    return open_process_file(static_cast<std::uint32_t>(getpid()), path);
}

UniqueFd open_beside(const ModuleOrigin& origin, const char* link, const WantedFile& wanted) {
    const std::size_t slash = origin.path.rfind('/');
    if (slash == std::string::npos) return {};
    const std::string directory = origin.path.substr(0, slash);
    // Without a link, what the file would be called by custom.
    const std::string name = link != nullptr ? link : origin.path.substr(slash + 1) + ".debug";
    if (name.empty() || name.find('/') != std::string::npos) return {};
    for (const char* const below : {"", "/.debug"}) {
        UniqueFd file = open_process_file(origin.tgid, fmt::format("{}{}/{}", directory, below, name));
        if (is_wanted_file(file, wanted, origin)) return file;
    }
    // /usr/lib/debug/usr/bin, then /usr/lib/debug/bin, where a distribution has made one directory of the two since.
    std::string_view rest = directory;
    for (; rest.starts_with('/'); rest.remove_prefix(std::min(rest.find('/', 1), rest.size()))) {
        UniqueFd file = open_host_file(fmt::format("{}{}/{}", kHostDebug, rest, name));
        if (is_wanted_file(file, wanted, origin)) return file;
    }
    return {};
}

// What dwz has taken out of several files (.gnu_debugaltlink). Only the host's own.
UniqueFd open_alternative(const ModuleOrigin& origin, Dwarf* dwarf) {
    const char* name = nullptr;
    const void* id = nullptr;
    const ssize_t length = dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &id);
    if (length <= 0 || name == nullptr) return {};
    const std::string_view path(name);
    if (!path.starts_with(kHostDebug) || path.find("/../") != std::string_view::npos) return {};
    UniqueFd file = open_host_file(path);
    const IdBytes wanted(static_cast<const unsigned char*>(id), static_cast<std::size_t>(length));
    return is_wanted_file(file, {.id = wanted, .crc = {}}, origin) ? std::move(file) : UniqueFd();
}

}  // namespace

int find_debug_file(Dwfl_Module* module, void** user, const char* name, Dwarf_Addr base, const char* file_name,
                    const char* link, GElf_Word crc, char** found_name) {
    auto* const origin = static_cast<ModuleOrigin*>(*user);
    // The callback is the same for the file that dwz has made; it is asked for when the debug information is there.
    Dwarf_Addr bias = 0;
    dwfl_module_info(module, nullptr, nullptr, nullptr, &bias, nullptr, nullptr, nullptr);
    const bool is_alternative = bias != static_cast<Dwarf_Addr>(-1);
    const int by_id = dwfl_build_id_find_debuginfo(module, user, name, base, file_name, link, crc, found_name);
    if (by_id >= 0 || origin == nullptr) {
        if (is_alternative && origin != nullptr) origin->has_alternative = true;
        return by_id;
    }
    // libdwfl opens, and how, what it finds a name of.
    free(*found_name);
    *found_name = nullptr;
    if (is_alternative) {
        UniqueFd file = open_alternative(*origin, dwfl_module_getdwarf(module, &bias));
        origin->has_alternative = file.valid();
        return file.release();
    }
    WantedFile wanted;
    const unsigned char* id = nullptr;
    GElf_Addr id_address = 0;
    if (const int length = dwfl_module_build_id(module, &id, &id_address); length > 0)
        wanted.id = {id, static_cast<std::size_t>(length)};
    if (link != nullptr && crc != 0) wanted.crc = crc;
    return open_beside(*origin, link, wanted).release();
}

void refuse_other_alternatives(Dwfl_Module* module, Dwarf* dwarf) {
    void** user = nullptr;
    dwfl_module_info(module, &user, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
    // Only PlaceNames' modules have one; the unwinder's own have no user data.
    const auto* const origin = user != nullptr ? static_cast<const ModuleOrigin*>(*user) : nullptr;
    if (origin != nullptr && origin->has_alternative) return;
    // Else libdw would open the name in .gnu_debugaltlink, whatever it is, as soon as a form asks for it. This is its
    // own mark of having tried in vain (libdw/dwarf_getalt.c), which its interface has no name for.
    dwarf_setalt(dwarf, reinterpret_cast<Dwarf*>(-1));
}

}  // namespace sockeye
