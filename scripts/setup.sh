#!/usr/bin/env bash
# What the build needs: cargo, cmake and a C++ compiler (the sentencepiece library is C++).
#
# Run it to have what is missing installed, or source it to have it on the PATH as well. The system's package manager
# is asked first, with sudo when you are not root; cmake then comes from pip, into target/tools, if need be.

set -euo pipefail

setup_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
setup_tools="$setup_root/target/tools"

setup_say() { printf 'setup: %s\n' "$*" >&2; }

setup_has() { command -v "$1" >/dev/null 2>&1; }

# The C++ compiler that cmake will find, checked by compiling something.
setup_has_cxx() {
    local compiler
    for compiler in "${CXX:-}" c++ g++ clang++; do
        if [ -n "$compiler" ] && setup_has "$compiler" &&
            printf '#include <string>\nint main() { return std::string().size(); }\n' |
            "$compiler" -std=c++17 -x c++ - -o /dev/null >/dev/null 2>&1; then
            return 0
        fi
    done
    return 1
}

# Runs a command as root: as it is, or with sudo.
setup_as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif setup_has sudo; then
        sudo "$@"
    else
        setup_say "not root and no sudo: cannot run \`$*\`"
        return 1
    fi
}

# Installs cmake and a C++ compiler with the system's package manager.
setup_system_packages() {
    if setup_has apt-get; then
        setup_as_root apt-get update -qq || setup_say "apt-get update failed; trying with the lists that are there"
        setup_as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends cmake g++ make
    elif setup_has dnf; then
        setup_as_root dnf install -y cmake gcc-c++ make
    elif setup_has yum; then
        setup_as_root yum install -y cmake gcc-c++ make
    elif setup_has pacman; then
        setup_as_root pacman -Sy --needed --noconfirm cmake gcc make
    elif setup_has apk; then
        setup_as_root apk add cmake g++ make
    elif setup_has brew; then
        brew install cmake # the compiler comes with Apple's command line tools
    else
        setup_say "no known package manager (apt-get, dnf, yum, pacman, apk, brew)"
        return 1
    fi
}

# cmake from pip, in a virtual environment of its own, or where pip puts a user's programs.
setup_cmake_from_pip() {
    local python
    for python in python3 python; do
        if setup_has "$python" && "$python" -m venv "$setup_tools" >/dev/null 2>&1 &&
            "$setup_tools/bin/pip" install --quiet cmake; then
            export PATH="$setup_tools/bin:$PATH"
            return 0
        fi
    done
    for python in python3 python; do
        if setup_has "$python" && "$python" -m pip install --quiet --user cmake >/dev/null 2>&1; then
            local base
            base="$("$python" -m site --user-base)"
            export PATH="$base/bin:$PATH"
            return 0
        fi
    done
    return 1
}

setup_main() {
    if ! setup_has cargo && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
        export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    fi
    if [ -x "$setup_tools/bin/cmake" ]; then
        export PATH="$setup_tools/bin:$PATH"
    fi
    if ! setup_has cargo; then
        setup_say "cargo is missing; install Rust as https://rustup.rs says:"
        setup_say "    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
        setup_say "then open a new shell and run this again"
        return 1
    fi

    if ! setup_has cmake || ! setup_has_cxx; then
        setup_say "cmake or a C++ compiler is missing; asking the package manager"
        setup_system_packages || setup_say "the package manager could not install them"
    fi
    if ! setup_has cmake; then
        setup_say "trying cmake from pip"
        setup_cmake_from_pip || setup_say "pip could not install it"
    fi

    local missing=()
    setup_has cmake || missing+=("cmake")
    setup_has_cxx || missing+=("a C++ compiler with C++17")
    if [ "${#missing[@]}" -gt 0 ]; then
        local list
        list="$(printf '%s, ' "${missing[@]}")"
        setup_say "still missing: ${list%, }"
        setup_say "    Debian, Ubuntu:  sudo apt-get install cmake g++"
        setup_say "    Fedora, RHEL:    sudo dnf install cmake gcc-c++"
        setup_say "    Arch:            sudo pacman -S cmake gcc make"
        setup_say "    Alpine:          sudo apk add cmake g++ make"
        setup_say "    macOS:           xcode-select --install && brew install cmake"
        return 1
    fi
}

setup_main
