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
            set -g __git_wt_file $dir/git-wt.$fish_pid.(random)(random)(random)
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

# Whether a variable is a plain string or PATH, or is yet to be made. A list is the user's: it would not come back as one.
function __git_wt_is_plain --argument-names name
    test $name = PATH
    or not set -q {$name}[2]
end

# Apply NUL-separated records, given as fields; fails, and changes nothing, when they are cut short.
function __git_wt_apply
    set -l sets
    set -l values
    set -l unsets
    while test "$argv[1]" != end
        string match --quiet --regex '^[A-Za-z_][A-Za-z0-9_]*$' -- "$argv[2]"
        or return 1
        if test "$argv[1]" = set; and set -q argv[4]
            set -a sets $argv[2]
            set -a values $argv[3]
            set -e argv[1..3]
        else if test "$argv[1]" = unset
            set -a unsets $argv[2]
            set -e argv[1..2]
        else
            return 1
        end
    end
    for name in $unsets
        __git_wt_is_plain $name
        and set -e $name
    end
    for name in $sets
        # a list in fish
        if test $name = PATH
            set -gx PATH (string split : -- $values[1])
        else if __git_wt_is_plain $name
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
    set -g __git_wt_pwd $PWD
    # the nearest directory at or above this one that has a .git; no word at all where there is none
    set -l root $PWD
    while not test -e "$root/.git"
        if test -z "$root"
            set root
            break
        end
        set root (string replace --regex '/[^/]*$' '' -- "$root" | string collect)
    end
    set -q root[1]
    and test -z "$root"
    and set root /
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
        set -e __git_wt_from
        return 0
    end
    set -l head
    test -r "$GIT_WT_HEAD"
    and read head <$GIT_WT_HEAD
    # made of the same, it is the same
    set -l from "$GIT_WT_PORT:$GIT_WT_DRIFT:$GIT_WT_PROMPT:$GIT_WT_NAME:$head"
    test "$from" = "$__git_wt_from"
    and return 0
    set -g __git_wt_from $from
    set -l label $GIT_WT_NAME
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
    # a hostile name must not move the cursor, nor the text around it
    set -gx GIT_WT_LABEL (string replace --all --regex '[\p{C}\p{Zl}\p{Zp}]' '?' -- "$label")
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
        # the first one, and none after it, as it is heard when the directory changes
        test "$PWD" = "$__git_wt_pwd"
        or __git_wt_enter
        __git_wt_label
    end
    function __git_wt_moved --on-variable PWD
        __git_wt_enter
    end
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
