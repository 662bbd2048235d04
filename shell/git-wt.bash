# git-wt for bash 3.2 and later. Load it with:  eval "$(git-wt shell-init bash)"
# shellcheck shell=bash
# shellcheck disable=SC2250 # braces only where they are needed
# shellcheck disable=SC2312 # what git-wt printed is judged by its closing `end`, not by a status
#
# A child cannot move its shell, change its environment or its prompt: that is all that is done here. What comes from
# git-wt is data, read and never evaluated.

: "${__git_wt_exe:=git-wt}"

# ---- change of directory

# Name the file that git-wt writes a directory into; nobody else can guess or make it.
__git_wt_name_file() {
    local __gw_dir
    for __gw_dir in "${XDG_RUNTIME_DIR-}" "${TMPDIR-}" /tmp; do
        if [[ $__gw_dir == /* && -d $__gw_dir && -w $__gw_dir ]]; then break; fi
    done
    __git_wt_file=${__gw_dir%/}/git-wt.$$.${SRANDOM-}$RANDOM$RANDOM$RANDOM
}
__git_wt_name_file

# Go where FILE says. No directory in it is no failure.
__git_wt_follow() { # FILE
    [[ -f $1 && -O $1 && ! -L $1 ]] || return 0
    local __gw_to=
    IFS= \builtin read -r -d '' __gw_to <"$1" || __gw_to=
    \command rm -f -- "$1"
    [[ $__gw_to == /* ]] || return 0
    \builtin cd -- "$__gw_to" || return
}

# Run git-wt and follow it at once. In a subshell, a pipeline or the background the file is another one, so that the
# shell at the terminal stays where it is.
__git_wt_call() {
    local __gw_status=0 __gw_file=$__git_wt_file
    if [[ $BASH_SUBSHELL != 0 ]]; then __gw_file=$__gw_file.${SRANDOM-}$RANDOM$RANDOM; fi
    GIT_WT_CD_FILE=$__gw_file \command "$__git_wt_exe" "$@" || __gw_status=$?
    if [[ -e $__gw_file ]]; then
        if __git_wt_follow "$__gw_file"; then :; elif [[ $__gw_status == 0 ]]; then __gw_status=1; fi
    fi
    if [[ $- == *i* && $BASH_SUBSHELL == 0 ]]; then
        # whatever it did may have changed this worktree's environment
        __git_wt_root='?'
        __git_wt_enter
    fi
    return "$__gw_status"
}

# ---- environment

# Find the nearest directory at or above this one that has a .git, without starting a process.
__git_wt_find_root() {
    __gw_root=$PWD
    until [[ -e $__gw_root/.git ]]; do
        if [[ $__gw_root != */* ]]; then
            __gw_root=
            return
        fi
        __gw_root=${__gw_root%/*}
    done
    __gw_root=${__gw_root:-/}
}

# Read a field that NUL ends into the variable NAME; fails at the end of input.
__git_wt_field() { # NAME
    IFS= \builtin read -r -d '' "$1"
}

# Whether the variable NAME is a plain string, exported or not, or is yet to be made. An integer would evaluate what is
# assigned to it, a reference leads elsewhere, a readonly one cannot be set: they are the user's.
__git_wt_is_plain() { # NAME
    # before bash 4.4 there is no test that does without a fork
    if [[ $__git_wt_knows_attributes == 1 ]] && \builtin test -v "$1"; then
        if \builtin test -R "$1"; then return 1; fi
        case ${!1@a} in '' | x) return 0 ;; *) return 1 ;; esac
    fi
    \builtin declare -p "$1" >/dev/null 2>&1 || return 0
    case $(\builtin declare -p "$1" 2>/dev/null) in
    "declare -- $1" | "declare -- $1="* | "declare -x $1" | "declare -x $1="*) return 0 ;;
    *) return 1 ;;
    esac
}
__git_wt_knows_attributes=$((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404))

# Ask git-wt what changes in the worktree at ROOT. What keeps it from answering, such as a version that does not fit these
# functions, is said once. The subshell that this is called in becomes git-wt: that spares a fork.
__git_wt_ask() { # [ROOT]
    if \builtin declare -F _direnv_hook >/dev/null; then \builtin set -- --direnv "$@"; fi
    if [[ -n ${__git_wt_told-} ]]; then \exec 2>/dev/null; fi
    \builtin export "GIT_WT_ENV=${GIT_WT_ENV-}"
    \exec "$__git_wt_exe" hook 1 "$@" </dev/null
}

# Take over the environment of the worktree we came into, or give back that of the one we left.
__git_wt_enter() {
    local __gw_root __gw_verb __gw_name __gw_value __gw_change __gw_whole=''
    local -a __gw_sets __gw_unsets
    __gw_sets=()
    __gw_unsets=()
    __git_wt_pwd=$PWD
    __git_wt_find_root
    # a state inherited from another shell is looked at once
    if [[ $__gw_root == "${__git_wt_root-${GIT_WT_STATE:+?}}" ]]; then return 0; fi
    while __git_wt_field __gw_verb; do
        if [[ $__gw_verb == end ]]; then
            __gw_whole=1
            break
        fi
        __git_wt_field __gw_name || break
        [[ $__gw_name =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] || break
        case $__gw_verb in
        set)
            __git_wt_field __gw_value || break
            __gw_sets+=("$__gw_name=$__gw_value")
            ;;
        unset) __gw_unsets+=("$__gw_name") ;;
        *) break ;;
        esac
    done < <(__git_wt_ask ${__gw_root:+"$__gw_root"})
    # what was cut short changes nothing
    __git_wt_told=
    if [[ -z $__gw_whole ]]; then
        __git_wt_told=1
        return 0
    fi
    __git_wt_root=$__gw_root
    for __gw_change in ${__gw_unsets[@]+"${__gw_unsets[@]}"}; do
        __git_wt_is_plain "$__gw_change" || continue
        \builtin unset -v "$__gw_change" 2>/dev/null || :
    done
    for __gw_change in ${__gw_sets[@]+"${__gw_sets[@]}"}; do
        __git_wt_is_plain "${__gw_change%%=*}" || continue
        # shellcheck disable=SC2163 # it holds NAME=VALUE
        \builtin export "$__gw_change" 2>/dev/null || :
    done
}

# ---- prompt

# Set __git_wt_ps1 to the label: the worktree's name, its branch where that is another word, its port, and a * where its
# environment has drifted. GIT_WT_LABEL is the same, for prompts that are programs.
__git_wt_label() {
    local __gw_head='' __gw_from __gw_unseen
    if [[ -z ${GIT_WT_NAME-} ]]; then
        __git_wt_ps1=
        __git_wt_from=
        if [[ -n ${GIT_WT_LABEL-} ]]; then \builtin unset -v GIT_WT_LABEL; fi
        return 0
    fi
    if [[ -r ${GIT_WT_HEAD-} ]]; then IFS= \builtin read -r __gw_head <"$GIT_WT_HEAD" || :; fi
    # made of the same, it is the same
    __gw_from=${GIT_WT_PORT-}:${GIT_WT_DRIFT-}:${GIT_WT_PROMPT-}:$GIT_WT_NAME:$__gw_head
    if [[ $__gw_from == "${__git_wt_from-}" ]]; then return 0; fi
    __git_wt_from=$__gw_from
    __git_wt_ps1=$GIT_WT_NAME
    case $__gw_head in
    # where references are in reftables, HEAD holds only a stand-in
    '' | "ref: refs/heads/$__git_wt_ps1" | 'ref: refs/heads/.invalid') ;;
    'ref: refs/heads/'*) __git_wt_ps1="$__git_wt_ps1 ${__gw_head#ref: refs/heads/}" ;;
    *[!0-9a-f]*) ;;
    *) __git_wt_ps1="$__git_wt_ps1 ${__gw_head:0:7}" ;;
    esac
    if [[ ${GIT_WT_PROMPT-} != short ]]; then __git_wt_ps1+=${GIT_WT_PORT:+ :$GIT_WT_PORT}; fi
    __git_wt_ps1+=${GIT_WT_DRIFT:+ *}
    # a hostile name must not move the cursor, nor the text around it
    __git_wt_ps1=${__git_wt_ps1//[[:cntrl:]]/?}
    for __gw_unseen in \
        $'\xc2\xad' $'\xd8\x9c' $'\xe1\xa0\x8e' $'\xe2\x80\x8b' $'\xe2\x80\x8c' $'\xe2\x80\x8d' \
        $'\xe2\x80\x8e' $'\xe2\x80\x8f' $'\xe2\x80\xa8' $'\xe2\x80\xa9' $'\xe2\x80\xaa' $'\xe2\x80\xab' \
        $'\xe2\x80\xac' $'\xe2\x80\xad' $'\xe2\x80\xae' $'\xe2\x81\xa0' $'\xe2\x81\xa1' $'\xe2\x81\xa2' \
        $'\xe2\x81\xa3' $'\xe2\x81\xa4' $'\xe2\x81\xa5' $'\xe2\x81\xa6' $'\xe2\x81\xa7' $'\xe2\x81\xa8' \
        $'\xe2\x81\xa9' $'\xe2\x81\xaa' $'\xe2\x81\xab' $'\xe2\x81\xac' $'\xe2\x81\xad' $'\xe2\x81\xae' \
        $'\xe2\x81\xaf' $'\xef\xbb\xbf'; do
        __git_wt_ps1=${__git_wt_ps1//"$__gw_unseen"/?}
    done
    \builtin export "GIT_WT_LABEL=$__git_wt_ps1"
}

# Print the label in FORMAT, " (%s)" if absent, for a prompt; red where the worktree is protected. The variable of the
# same name does without the fork.
__git_wt_ps1() { # [FORMAT]
    local __gw_status=$? __gw_red='' __gw_plain=''
    __git_wt_label
    if [[ -n ${GIT_WT_PROTECTED-} ]]; then
        # bytes that readline takes for \[ and \], which mean nothing in what a prompt has put in
        __gw_red=$'\001\e[1;31m\002' __gw_plain=$'\001\e[0m\002'
    fi
    if [[ -n $__git_wt_ps1 ]]; then
        # shellcheck disable=SC2059 # the format is the user's
        \builtin printf -- "$__gw_red${1- (%s)}$__gw_plain" "$__git_wt_ps1"
    fi
    return "$__gw_status"
}

# Put the label before the prompt, unless it has a place in it already. It is expanded when the prompt is shown, and
# then not once more: a name stays a name.
__git_wt_show_label() {
    if [[ ${GIT_WT_PROMPT-} == off || ${PS1-} == *__git_wt_ps1* || ${PS1-} == *GIT_WT_LABEL* ]]; then return 0; fi
    \builtin shopt -q promptvars || return 0
    # shellcheck disable=SC2016,SC2154 # not expanded here; git-wt sets GIT_WT_PROTECTED
    PS1='${__git_wt_ps1:+${GIT_WT_PROTECTED:+\[\e[1;31m\]}(${__git_wt_ps1})${GIT_WT_PROTECTED:+\[\e[0m\]} }'${PS1-}
}

# Before each prompt. Starts no process while the directory stays; leaves $? as it was.
__git_wt_prompt() {
    local __gw_status=$?
    if [[ -e $__git_wt_file ]]; then __git_wt_follow "$__git_wt_file" || :; fi
    if [[ $PWD != "${__git_wt_pwd-}" ]]; then __git_wt_enter; fi
    __git_wt_label
    __git_wt_show_label
    # under errexit a kept status would end the shell; bash itself brings $? back before the next line
    if [[ $- == *e* ]]; then return 0; fi
    return "$__gw_status"
}

if [[ $- == *i* ]]; then
    # for a plain `git wt …`: the directory waits here for the next prompt
    \builtin export "GIT_WT_PROMPT_CD_FILE=$__git_wt_file"
    if [[ ${PROMPT_COMMAND[*]-} != *__git_wt_prompt* ]]; then
        # a string, or the first element of what is an array
        # shellcheck disable=SC2128,SC2178 # element 0 is meant
        PROMPT_COMMAND=__git_wt_prompt${PROMPT_COMMAND:+;$PROMPT_COMMAND}
    fi
fi

# ---- completion

# The first TAB brings the rest along, which is as long as all this.
__git_wt_load_completion() {
    local __gw_script
    __gw_script=$(\command "$__git_wt_exe" shell-init bash --completion 2>/dev/null) || return
    \builtin eval "$__gw_script"
}

__git_wt_complete() {
    if __git_wt_load_completion; then __git_wt_complete; fi
}

_git_wt() {
    if __git_wt_load_completion; then _git_wt; fi
}

__git_wt_complete_for() { # NAME...
    if [[ $- != *i* ]]; then return 0; fi
    \builtin complete -o bashdefault -o nosort -F __git_wt_complete "$@" 2>/dev/null ||
        \builtin complete -o bashdefault -F __git_wt_complete "$@"
}
__git_wt_complete_for git-wt
