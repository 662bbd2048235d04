# git-wt for fish 3.4 and later. Load it with:  git-wt shell-init fish | source
#
# A child cannot move its shell, change its environment or its prompt: that is all that is done here. What comes from
# git-wt is data, read and never evaluated.

set -q __git_wt_exe
or set -g __git_wt_exe git-wt

# ---- change of directory

# Name the file that git-wt writes a directory into; nobody else can guess or make it.
function __git_wt_name_file
    for dir in "$XDG_RUNTIME_DIR" "$TMPDIR" /tmp
        if string match --quiet '/*' -- "$dir"; and test -d "$dir" -a -w "$dir"
            set -g __git_wt_file (string trim --right --chars=/ -- $dir)/git-wt.$fish_pid.(random)(random)(random)
            return
        end
    end
end
__git_wt_name_file

# Go where FILE says. No directory in it is no failure.
function __git_wt_follow --argument-names file
    test -f "$file" -a -O "$file" -a ! -L "$file"
    or return 0
    set -l to (string split0 <$file)
    command rm -f -- $file
    string match --quiet -- '/*' "$to[1]"
    or return 0
    set -l was $PWD
    builtin cd -- $to[1]
    or return
    # what fish's own cd keeps for `cd -`
    if test "$was" != "$PWD"
        set -g dirprev $dirprev $was
        set -g dirnext
        set -g __fish_cd_direction prev
    end
    return 0
end

# Run git-wt and follow it at once. A command substitution is no shell of its own here: it must not move this one.
function __git_wt_call
    if status is-command-substitution
        command $__git_wt_exe $argv
        return
    end
    set -l code 0
    GIT_WT_CD_FILE=$__git_wt_file command $__git_wt_exe $argv
    or set code $status
    if test -e $__git_wt_file
        __git_wt_follow $__git_wt_file
        or test $code -ne 0
        or set code 1
    end
    if status is-interactive
        # whatever it did may have changed this worktree's environment
        set -g __git_wt_root '?'
        __git_wt_enter
    end
    return $code
end

# ---- environment

# Print the nearest directory at or above this one that has a .git.
function __git_wt_find_root
    set -l root $PWD
    while not test -e "$root/.git"
        if not string match --quiet '*/*' -- "$root"
            return 0
        end
        set root (string replace --regex '/[^/]*$' '' -- "$root" | string collect)
    end
    test -n "$root"
    or set root /
    string join0 -- $root
end

# Apply NUL-separated records, given as fields; fails, and changes nothing, when they are cut short.
function __git_wt_apply
    set -l sets
    set -l values
    set -l unsets
    set -l at 1
    while test "$argv[$at]" != end
        set -l name $argv[(math $at + 1)]
        string match --quiet --regex '^[A-Za-z_][A-Za-z0-9_]*$' -- "$name"
        or return 1
        if test "$argv[$at]" = set -a (count $argv) -gt (math $at + 2)
            set -a sets $name
            set -a values $argv[(math $at + 2)]
            set at (math $at + 3)
        else if test "$argv[$at]" = unset
            set -a unsets $name
            set at (math $at + 2)
        else
            return 1
        end
    end
    for name in $unsets
        set -e $name
    end
    for name in $sets
        # a list in fish
        if test $name = PATH
            set -gx PATH (string split : -- $values[1])
        else
            set -gx $name $values[1]
        end
        set -e values[1]
    end
    return 0
end

# Ask git-wt what changes in the worktree at ROOT. What keeps it from answering, such as a version that does not fit these
# functions, is said once.
function __git_wt_ask # [ROOT]
    functions --query __direnv_export_eval
    and set --prepend argv --direnv
    if set -q __git_wt_told
        # fish tells of a program that has gone past any redirection
        command --query -- $__git_wt_exe
        and GIT_WT_ENV="$GIT_WT_ENV" command $__git_wt_exe hook 1 $argv </dev/null 2>/dev/null
    else
        GIT_WT_ENV="$GIT_WT_ENV" command $__git_wt_exe hook 1 $argv </dev/null
    end
end

# Take over the environment of the worktree we came into, or give back that of the one we left.
function __git_wt_enter
    set -l root (__git_wt_find_root | string split0)
    set -l before ''
    # a state inherited from another shell is looked at once
    set -q GIT_WT_STATE
    and set before '?'
    set -q __git_wt_root
    and set before $__git_wt_root
    test "$root" != "$before"
    or return 0
    # no argument where there is no root
    set -l fields (__git_wt_ask $root | string split0)
    if __git_wt_apply $fields
        set -e __git_wt_told
        set -g __git_wt_root "$root"
    else
        set -g __git_wt_told yes
    end
    return 0
end

# ---- prompt

# Set GIT_WT_LABEL to the worktree's name, its branch where that is another word, its port, and a * where its environment
# has drifted; exported for prompts that are programs.
function __git_wt_label
    if test -z "$GIT_WT_NAME"
        set -e GIT_WT_LABEL
        return 0
    end
    set -l label $GIT_WT_NAME
    set -l head
    test -r "$GIT_WT_HEAD"
    and read head <$GIT_WT_HEAD
    set -l branch (string replace 'ref: refs/heads/' '' -- "$head")
    if string match --quiet --regex '^[0-9a-f]{7,}$' -- "$head"
        set label "$label "(string sub --length 7 -- $head)
    else if not contains -- "$branch" "$head" .invalid "$GIT_WT_NAME"
        # .invalid is the stand-in where references are in reftables
        set label "$label $branch"
    end
    test -n "$GIT_WT_PORT" -a "$GIT_WT_PROMPT" != short
    and set label "$label :$GIT_WT_PORT"
    test -n "$GIT_WT_DRIFT"
    and set label "$label *"
    # a hostile name must not move the cursor
    set -gx GIT_WT_LABEL (string replace --all --regex '[[:cntrl:]]' '?' -- "$label")
    return 0
end

# Print the label in FORMAT, " (%s)" if absent, for a prompt; red where the worktree is protected.
function __git_wt_ps1 --argument-names format
    __git_wt_label
    set -q GIT_WT_LABEL
    or return 0
    set -q argv[1]
    or set format ' (%s)'
    test -n "$GIT_WT_PROTECTED"
    and set_color --bold red
    printf $format $GIT_WT_LABEL
    test -n "$GIT_WT_PROTECTED"
    and set_color normal
    return 0
end

function __git_wt_status
    return $argv[1]
end

if status is-interactive
    # for a plain `git wt …`: the directory waits here for the next prompt
    set -gx GIT_WT_PROMPT_CD_FILE $__git_wt_file
    function __git_wt_prompt --on-event fish_prompt
        if test -e $__git_wt_file
            __git_wt_follow $__git_wt_file
        end
        __git_wt_label
    end
    function __git_wt_moved --on-variable PWD
        __git_wt_enter
    end
    __git_wt_enter
    if test "$GIT_WT_PROMPT" != off
        and functions --query fish_prompt
        and not functions --query __git_wt_user_prompt
        functions --copy fish_prompt __git_wt_user_prompt
        function fish_prompt
            set -l code $status
            __git_wt_ps1 '(%s) '
            __git_wt_status $code
            __git_wt_user_prompt
        end
    end
end
