//! The names of variables that control programs.
//!
//! A worktree's files may not set any of them, in the shell, in `run` or in hooks: such a variable makes every program
//! load code, ask another server or trust another certificate. The worktree's own programs can still read them from its
//! files.

/// The root of the worktree that the shell is in, or was in last if it is in none.
pub const HERE: &str = "GIT_WT_HERE";
/// The root of the worktree that it was in before that.
pub const BEFORE: &str = "GIT_WT_BEFORE";

/// bash(1) and zshparam(1), both under "parameters set" and "used by the shell"; fish's special variables; the
/// environment of nushell, and about_Environment_Variables of PowerShell. Some of them are integers, and bash and zsh
/// evaluate what is assigned to those.
///
/// HOST and HOSTNAME are not here: for shells they are plain strings without a meaning, and servers read their address
/// from them.
#[rustfmt::skip]
const SHELLS: &[&str] = &[
    "AUTO_RESUME", "BASH", "BASHOPTS", "BASHPID", "CDPATH", "CHILD_MAX", "COLUMNS", "COMPREPLY", "COPROC", "DIRSTACK",
    "EMACS", "ENV", "EPOCHREALTIME", "EPOCHSECONDS", "EUID", "EXECIGNORE", "FCEDIT", "FIGNORE", "FUNCNAME", "FUNCNEST",
    "GLOBIGNORE", "GLOBSORT", "GROUPS", "HISTCHARS", "HISTCMD", "HISTCONTROL", "HISTFILE", "HISTFILESIZE", "HISTIGNORE",
    "HISTSIZE", "HISTTIMEFORMAT", "HOME", "HOSTFILE", "HOSTTYPE", "IFS", "IGNOREEOF", "INPUTRC", "INSIDE_EMACS", "LINENO",
    "LINES", "MACHTYPE", "MAIL", "MAILCHECK", "MAILPATH", "MAPFILE", "OLDPWD", "OPTARG", "OPTERR", "OPTIND", "OSTYPE",
    "PATH", "PIPESTATUS", "POSIXLY_CORRECT", "PPID", "PROMPT_COMMAND", "PROMPT_DIRTRIM", "PWD", "RANDOM", "REPLY",
    "SECONDS", "SHELL", "SHELLOPTS", "SHLVL", "SRANDOM", "TIMEFORMAT", "TMOUT", "UID",
    "ARGC", "ARGV", "ARGV0", "BAUD", "CORRECT_IGNORE", "CORRECT_IGNORE_FILE", "CPUTYPE", "DIRSTACKSIZE", "EGID", "ERRNO",
    "FPATH", "GID", "HISTORY_IGNORE", "KEYBOARD_HACK", "KEYTIMEOUT", "LISTMAX", "LOGCHECK", "LOGNAME", "MODULE_PATH",
    "NULLCMD", "POSTEDIT", "PROMPT", "PROMPT2", "PROMPT3", "PROMPT4", "PROMPT_EOL_MARK", "PSVAR", "READNULLCMD",
    "REPORTMEMORY", "REPORTTIME", "RPROMPT", "RPROMPT2", "SAVEHIST", "SPROMPT", "STTY", "TIMEFMT", "TMPPREFIX", "TMPSUFFIX",
    "TRY_BLOCK_ERROR", "TRY_BLOCK_INTERRUPT", "TTY", "TTYIDLE", "USER", "USERNAME", "VENDOR", "WATCH", "WATCHFMT",
    "WORDCHARS", "ZBEEP", "ZDOTDIR",
    "CMD_DURATION",
    "CMD_DURATION_MS", "CURRENT_FILE", "ENV_CONVERSIONS", "FILE_PWD", "LAST_EXIT_CODE", "PROMPT_COMMAND_RIGHT",
    "PROMPT_INDICATOR", "PROMPT_INDICATOR_VI_INSERT", "PROMPT_INDICATOR_VI_NORMAL", "PROMPT_MULTILINE_INDICATOR",
    "COMSPEC", "PATHEXT", "PSEXECUTIONPOLICYPREFERENCE", "PSMODULEANALYSISCACHEPATH", "PSMODULEPATH", "SYSTEMROOT", "WINDIR",
];

/// ld.so(8), dyld(1), and what the C library itself reads: environ(7), locale(7), resolv.conf(5), mallopt(3).
#[rustfmt::skip]
const LOADERS: &[&str] = &[
    "DEVELOPER_DIR", "GETCONF_DIR", "GLIBC_TUNABLES", "HOSTALIASES", "LANG", "LANGUAGE", "LIBPATH", "LOCALDOMAIN", "LOCPATH",
    "NIS_PATH", "NLSPATH", "RES_OPTIONS", "SDKROOT", "SHLIB_PATH", "TEMP", "TEMPDIR", "TMP", "TMPDIR", "TZDIR",
];

/// Interpreters, compilers and their drivers: python(1), node(1), perlrun(1), ruby(1), php(1), java(1), lua(1), go(1),
/// rustc and cargo, gcc(1), make(1), dotnet(1).
#[rustfmt::skip]
const INTERPRETERS: &[&str] = &[
    "IPYTHONDIR", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONBREAKPOINT", "PYTHONCASEOK", "PYTHONEXECUTABLE",
    "PYTHONHOME", "PYTHONINSPECT", "PYTHONNOUSERSITE", "PYTHONPATH", "PYTHONPLATLIBDIR", "PYTHONPYCACHEPREFIX",
    "PYTHONSAFEPATH", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONWARNINGS", "PYTHON_HISTORY", "PYTHON_PRESITE", "VIRTUAL_ENV",
    "VIRTUAL_ENV_PROMPT", "__PYVENV_LAUNCHER__",
    "NODE_COMPILE_CACHE", "NODE_EXTRA_CA_CERTS", "NODE_ICU_DATA", "NODE_OPTIONS", "NODE_PATH", "NODE_REDIRECT_WARNINGS",
    "NODE_REPL_EXTERNAL_MODULE", "NODE_REPL_HISTORY", "NODE_TLS_REJECT_UNAUTHORIZED", "NODE_USE_ENV_PROXY",
    "NODE_V8_COVERAGE",
    "IRBRC", "PHPRC", "PHP_INI_SCAN_DIR",
    "ANT_ARGS", "ANT_HOME", "ANT_OPTS", "CLASSPATH", "JAVA_HOME", "JAVA_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVAC_OPTIONS",
    "JDK_JAVA_OPTIONS", "M2_HOME", "SBT_OPTS", "_JAVA_OPTIONS",
    "AUTO_PATH", "TCLLIBPATH", "TCL_LIBRARY", "TK_LIBRARY", "ITCL_LIBRARY", "TIX_LIBRARY", "GUILE_LOAD_PATH",
    "GUILE_LOAD_COMPILED_PATH", "GUILE_EXTENSIONS_PATH", "SBCL_HOME", "OCTAVE_HOME", "OCTAVE_PATH", "GHC_PACKAGE_PATH", "CAML_LD_LIBRARY_PATH",
    "OCAMLPATH", "OCAMLFIND_CONF", "ERL_LIBS", "GAUCHE_LOAD_PATH", "MONO_PATH", "LUAROCKS_CONFIG", "IBM_JAVA_OPTIONS", "LEIN_JAVA_CMD", "JRUBY_OPTS", "PRYRC", "SPEC_OPTS",
    "BOOTSNAP_CACHE_DIR", "GOCACHEPROG", "GOPACKAGESDRIVER", "NODE_GYP_FORCE_PYTHON", "ESBUILD_BINARY_PATH", "TURBO_BINARY_PATH", "CHROME_PATH",
    "PUPPETEER_EXECUTABLE_PATH", "PLAYWRIGHT_BROWSERS_PATH", "BLACK_CACHE_DIR", "PYLINTRC", "MPLBACKEND", "PYTHON_KEYRING_BACKEND",
    "WORKON_HOME", "OMP_TOOL_LIBRARIES", "ASAN_SYMBOLIZER_PATH", "DEBUGINFOD_URLS",
    "PLTCOLLECTS", "PLTADDONDIR", "NODE_REPL_MODE",
    "R_ENVIRON", "R_ENVIRON_USER", "R_HOME", "R_LIBS", "R_LIBS_SITE", "R_LIBS_USER", "R_PROFILE", "R_PROFILE_USER",
    "ELIXIR_ERL_OPTIONS", "GHCRTS", "MIX_ARCHIVES", "MIX_HOME", "MIX_PATH", "OCAMLRUNPARAM",
    "GO111MODULE", "GOAUTH", "GOBIN", "GOCACHE", "GOCOVERDIR", "GODEBUG", "GOENV", "GOEXPERIMENT", "GOFLAGS", "GOINSECURE",
    "GOMODCACHE", "GONOPROXY", "GONOSUMDB", "GOPATH", "GOPRIVATE", "GOPROXY", "GOROOT", "GOSUMDB", "GOTMPDIR",
    "GOTOOLCHAIN", "GOTOOLDIR", "GOVCS", "GOWORK",
    "AR", "AS", "CC", "CFLAGS", "CPATH", "CPLUS_INCLUDE_PATH", "CPP", "CPPFLAGS", "CXX", "CXXFLAGS", "COMPILER_PATH",
    "CONFIG_SHELL", "CONFIG_SITE", "C_INCLUDE_PATH", "GCC_EXEC_PREFIX", "LD", "LDFLAGS", "LIBRARY_PATH",
    "GNUMAKEFLAGS", "MAKE", "MAKEFILES", "MAKEFLAGS", "MAKESHELL", "MFLAGS", "PKG_CONFIG", "ACLOCAL_PATH",
    "DOTNET_ADDITIONAL_DEPS", "DOTNET_CLI_HOME", "DOTNET_HOST_PATH", "DOTNET_ROOT", "DOTNET_SHARED_STORE",
    "DOTNET_STARTUP_HOOKS",
];

/// Pagers, editors, and other tools that take options or a settings file from the environment: less(1), man(1), vim(1),
/// sudo(8), rsync(1), tar(1), grep(1), gzip(1), xz(1), gawk(1), screen(1), tmux(1), gpg(1), psql(1), mysql(1).
#[rustfmt::skip]
const TOOLS: &[&str] = &[
    "ALTERNATE_EDITOR", "BAT", "BROWSER", "CVSEDITOR", "CVS_RSH", "DIFFPROG", "EDITOR", "EMACSDATA", "EMACSLOADPATH",
    "EMACSPATH", "EXINIT", "GVIMINIT", "HGEDITOR", "HGMERGE", "HGRCPATH", "LESS", "LESSANSIENDCHARS", "LESSANSIMIDCHARS",
    "LESSBINFMT", "LESSCHARDEF", "LESSCHARSET", "LESSCLOSE", "LESSECHO", "LESSEDIT", "LESSGLOBALTAGS", "LESSHISTFILE",
    "LESSKEY", "LESSKEYIN", "LESSKEY_CONTENT", "LESSKEY_SYSTEM", "LESSMETACHARS", "LESSMETAESCAPE", "LESSOPEN",
    "LESSSECURE", "LESSSEPARATOR", "LESSUTFBINFMT", "MANLESS", "MANOPT", "MANPAGER", "MANPATH",
    "MANROFFOPT", "MORE", "MYVIMRC", "PAGER", "SELECTED_EDITOR", "SVN_EDITOR", "SVN_SSH", "VIM", "VIMINIT", "VIMRUNTIME",
    "VISUAL",
    "ACK_OPTIONS", "ACKRC", "AWKLIBPATH", "AWKPATH", "BC_ENV_ARGS", "BZIP", "BZIP2", "CURL_HOME", "CURL_SSL_BACKEND",
    "GREP_OPTIONS", "GZIP", "JQ_LIBRARY_PATH", "LS_OPTIONS", "RIPGREP_CONFIG_PATH", "SCREENRC", "STY", "SYSSCREENRC",
    "TAR_OPTIONS", "TMUX", "TMUX_PANE", "TMUX_TMPDIR", "UNZIP", "UNZIPOPT", "WGETRC", "XZ_DEFAULTS", "XZ_OPT", "ZIPINFO",
    "ZIPINFOOPT", "ZIPOPT",
    "DISPLAY", "GCONF_BACKEND_DIR", "GDK_PIXBUF_MODULEDIR", "GDK_PIXBUF_MODULE_FILE", "GIO_EXTRA_MODULES", "GIO_MODULE_DIR",
    "GSETTINGS_SCHEMA_DIR", "GTK_EXE_PREFIX", "GTK_DATA_PREFIX", "GTK_IM_MODULE_FILE", "GTK3_MODULES", "GST_PLUGIN_PATH", "SASL_PATH", "GSS_MECH_CONFIG", "LDAPCONF", "LDAPRC", "TEXMFCNF", "GS_LIB", "SDL_DYNAMIC_API",
    "HELIX_RUNTIME", "LF_CONFIG_HOME", "YAZI_CONFIG_HOME", "MICRO_CONFIG_HOME", "WEZTERM_CONFIG_FILE", "TIGRC_USER", "LG_CONFIG_FILE",
    "LEFTHOOK_BIN", "LMOD_CMD", "VAGRANT_CWD", "TERRAFORM_CONFIG", "VAULT_ADDR", "WGET_ASKPASS", "IMLIB2_LOADER_PATH", "VDPAU_DRIVER_PATH",
    "LIBVA_DRIVERS_PATH", "VK_ADD_LAYER_PATH", "VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_LAYER_PATH", "OCL_ICD_VENDORS", "GI_TYPELIB_PATH", "GTK_MODULES", "GTK_PATH", "LIBGL_DRIVERS_PATH", "NOTIFY_SOCKET",
    "QT_PLUGIN_PATH", "QT_QPA_PLATFORM_PLUGIN_PATH", "TERM", "TERMCAP", "TERMINFO", "TERMINFO_DIRS", "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "GH_BROWSER", "GH_CONFIG_DIR", "GH_EDITOR", "GH_HOST", "GH_PAGER", "GH_PATH", "GNUPGHOME", "GPG_AGENT_INFO",
    "PINENTRY_USER_DATA",
    "LIBMYSQL_PLUGINS", "LIBMYSQL_PLUGIN_DIR", "MYSQL_GROUP_SUFFIX", "MYSQL_HISTFILE", "MYSQL_HOME", "ODBCINI", "ODBCINSTINI",
    "ODBCSYSINI", "ORACLE_HOME", "PGHOSTADDR", "PGLOCALEDIR", "PGOPTIONS", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE",
    "PGSYSCONFDIR", "PSQLRC", "PSQL_EDITOR", "PSQL_EDITOR_LINENUMBER_ARG", "PSQL_HISTORY", "PSQL_PAGER",
    "PSQL_WATCH_PAGER", "SQLITE_HISTORY", "SQLITE_TMPDIR", "SQLPATH", "TNS_ADMIN",
];

/// Where connections go, which certificates are trusted, and clients of remote services: curl(1), openssl-env(7),
/// docker(1), kubectl, the command lines of the clouds.
#[rustfmt::skip]
const CONNECTIONS: &[&str] = &[
    "ALL_PROXY", "FTP_PROXY", "GOPHER_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SOCKS_PROXY", "SOCKS_SERVER",
    "WSS_PROXY", "WS_PROXY",
    "AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "HTTPLIB2_CA_CERTS",
    "REQUESTS_CA_BUNDLE", "SSLKEYLOGFILE", "SSL_CERT_DIR", "SSL_CERT_FILE", "WEBSOCKET_CLIENT_CA_BUNDLE",
    "BUILDKIT_HOST", "CONTAINERS_CONF", "CONTAINERS_REGISTRIES_CONF", "CONTAINERS_STORAGE_CONF", "CONTAINER_CONNECTION",
    "CONTAINER_HOST", "DOCKER_CERT_PATH", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_HOST", "DOCKER_TLS",
    "DOCKER_TLS_VERIFY", "REGISTRY_AUTH_FILE",
    "AWS_CONFIG_FILE", "AWS_PAGER", "AWS_SHARED_CREDENTIALS_FILE", "AZURE_CONFIG_DIR", "AZURE_EXTENSION_DIR", "BOTO_CONFIG",
    "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "KUBECONFIG", "KUBE_EDITOR", "TF_CLI_CONFIG_FILE", "TF_DATA_DIR",
    "TF_PLUGIN_CACHE_DIR", "TF_REATTACH_PROVIDERS",
    "APT_CONFIG", "CARGO", "ELM_HOME", "N_PREFIX", "PIPENV_PIPFILE",
];

/// Prefixes of families of such variables, and package managers, which take each of their settings from a variable.
#[rustfmt::skip]
const FAMILIES: &[&str] = &[
    // shells, and tools that hook into their prompts
    "BASH_", "COMP_", "READLINE_", "ZLE_", "ZSH", "FISH_", "NU_", "TRANSIENT_PROMPT_", "POWERSHELL_", "__GIT_WT",
    "ATUIN_", "DIRENV_", "FZF_", "MISE_", "POWERLEVEL9K_", "SKIM_", "STARSHIP_", "_ZO_",
    // loaders and the system
    "DYLD_", "GCONV_", "LC_", "LD_", "MALLOC", "OBJC_", "CYGWIN", "MSYS", "WSL", "XDG_", "DBUS_", "SUDO_", "SYSTEMD_", "TERM_",
    // interpreters and compilers
    "CCACHE_", "CGO_", "CMAKE_", "COMPLUS_", "CORECLR_", "COR_", "DENO_", "ERL_", "JULIA_", "JUPYTER_", "LUA_",
    "MSBUILD", "PERL", "PKG_CONFIG_", "RUBY", "RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTFMT", "SCCACHE_", "TS_NODE_",
    // git and its transport
    "GIT_", "SSH_",
    // pagers and editors
    "BAT_", "DELTA_", "GROFF_", "LESS_", "MAGICK_", "NVIM_", "PERF_", "VALGRIND_",
    // connections
    "BUILDX_", "CLOUDSDK_", "HELM_", "KRB5", "OPENSSL_", "PGGSS", "PGKRB", "PGREQUIRE", "PGSSL", "REDISCLI_", "RSYNC_", "TF_CLI_ARGS",
    // package managers
    "ANSIBLE_", "ASDF_", "BORG_", "BUNDLER_", "BUNDLE_", "BUN_", "CARGO_", "COMPOSER_", "CONAN_", "CONDA_", "COREPACK_", "FNM_", "GEM_", "GRADLE_",
    "HATCH_", "HEX_", "HOMEBREW_", "MAMBA_", "MAVEN_", "NIX_", "NPM_", "NUGET_", "NVM_", "PACKER_", "PASSWORD_STORE_", "PDM_", "PIPX_", "PIP_", "PNPM_",
    "POETRY_", "PRE_COMMIT_", "PYENV_", "RBENV_", "RCLONE_", "RESTIC_", "RUSTUP_", "SDKMAN_", "TWINE_", "UV_", "VCPKG_", "VIRTUALENV", "VOLTA_", "YARN_",
];

/// Whether a worktree's files may set this name. Case is ignored, as nushell does, and because programs read both
/// `HTTP_PROXY` and `http_proxy`.
pub fn may_be_set(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let name = name.to_ascii_uppercase();
    // PS0 to PS4, and zsh's RPS1
    let prompt = name.trim_start_matches('R').strip_prefix("PS").is_some_and(|rest| rest.len() == 1);
    let lists = [SHELLS, LOADERS, INTERPRETERS, TOOLS, CONNECTIONS];
    let reserved = prompt
        || lists.iter().any(|list| list.contains(&&*name))
        || FAMILIES.iter().any(|family| name.starts_with(family));
    starts && plain && !reserved
}

/// Whether it may be set in a shell. It must also contain a capital letter, since shells keep settings of their own
/// under names without one (zsh's `path` is PATH).
pub fn may_be_set_in_a_shell(name: &str) -> bool {
    may_be_set(name) && name.bytes().any(|b| b.is_ascii_uppercase())
}
