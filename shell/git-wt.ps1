# git-wt for PowerShell 7.2 and later. Load it, after all that changes the prompt, with:
#   Invoke-Expression (& git-wt shell-init powershell | Out-String)
#
# A child cannot move its shell, change its environment or its prompt: that is all that is done here. What comes from
# git-wt is data, read and never evaluated. PowerShell gives its children no process group, by which git-wt could tell
# what was typed from what a script runs: a plain `git wt` moves nothing here and prints the command that does.

if (-not (Test-Path Variable:global:__git_wt_exe)) { $global:__git_wt_exe = 'git-wt' }

# ---- change of directory

# Name the file that git-wt writes a directory into; nobody else can guess or make it.
function global:__git_wt_name_file {
    $dir = $env:XDG_RUNTIME_DIR
    if (-not $dir -or -not [IO.Path]::IsPathRooted($dir) -or -not [IO.Directory]::Exists($dir)) {
        $dir = [IO.Path]::GetTempPath()
    }
    [IO.Path]::Combine($dir, "git-wt.$PID.$([guid]::NewGuid().ToString('N'))")
}

# Go where the file says. No directory in it is no failure.
function global:__git_wt_follow {
    param([string] $File)
    $info = [IO.FileInfo]::new($File)
    # a link is not followed
    if (-not $info.Exists -or $null -ne $info.LinkTarget) { return }
    $text = [Text.UTF8Encoding]::new($false).GetString([IO.File]::ReadAllBytes($File))
    $info.Delete()
    $to = $text.Split([char] 0)[0]
    if ([IO.Path]::IsPathRooted($to)) {
        Microsoft.PowerShell.Management\Set-Location -LiteralPath $to
    }
}

# Run git-wt and follow it at once. Its exit status stays in $LASTEXITCODE.
function global:__git_wt_call {
    param([object[]] $Words)
    $file = __git_wt_name_file
    $env:GIT_WT_CD_FILE = $file
    try {
        & $global:__git_wt_exe @Words
    } finally {
        Remove-Item -LiteralPath Env:GIT_WT_CD_FILE -ErrorAction Ignore
        __git_wt_follow $file
        # whatever it did may have changed this worktree's environment
        $global:__git_wt_root = '?'
        __git_wt_enter
    }
}

# ---- environment

# Run git-wt aside and return what it prints, to the byte; $LASTEXITCODE stays.
function global:__git_wt_ask {
    param([string[]] $Words, [hashtable] $Variables = @{})
    $start = [Diagnostics.ProcessStartInfo]::new($global:__git_wt_exe)
    foreach ($word in $Words) { $start.ArgumentList.Add($word) }
    foreach ($name in $Variables.Keys) { $start.Environment[$name] = $Variables[$name] }
    $start.WorkingDirectory = $PWD.ProviderPath
    $start.UseShellExecute = $false
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.StandardOutputEncoding = [Text.UTF8Encoding]::new($false)
    $process = [Diagnostics.Process]::Start($start)
    try {
        $process.StandardInput.Close()
        $process.StandardOutput.ReadToEnd()
        $process.WaitForExit()
    } finally {
        $process.Dispose()
    }
}

# The nearest directory at or above this one that has a .git.
function global:__git_wt_find_root {
    $dir = if ($PWD.Provider.Name -eq 'FileSystem') { $PWD.ProviderPath } else { '' }
    while ($dir) {
        $git = [IO.Path]::Combine($dir, '.git')
        if ([IO.File]::Exists($git) -or [IO.Directory]::Exists($git)) { return $dir }
        $dir = [IO.Path]::GetDirectoryName($dir)
    }
    ''
}

# Apply NUL-separated records; fails, and changes nothing, when they are cut short.
function global:__git_wt_apply {
    param([string] $Records)
    $fields = $Records.Split([char] 0)
    # what NUL ends, and not what comes after the last
    $count = $fields.Count - 1
    $changes = [Collections.Generic.List[object]]::new()
    $at = 0
    while ($at -lt $count -and $fields[$at] -cne 'end') {
        $size = if ($fields[$at] -ceq 'set') { 3 } elseif ($fields[$at] -ceq 'unset') { 2 } else { return $false }
        if ($at + $size -gt $count -or $fields[$at + 1] -cnotmatch '^[A-Za-z_][A-Za-z0-9_]*\z') { return $false }
        $value = if ($size -eq 3) { $fields[$at + 2] } else { $null }
        $changes.Add(@($fields[$at + 1], $value))
        $at += $size
    }
    if ($at -ge $count) { return $false }
    foreach ($change in $changes) {
        if ($null -eq $change[1]) {
            Remove-Item -LiteralPath "Env:$($change[0])" -ErrorAction Ignore
        } else {
            [Environment]::SetEnvironmentVariable($change[0], $change[1])
        }
    }
    $true
}

# Take over the environment of the worktree we came into, or give back that of the one we left.
function global:__git_wt_enter {
    $global:__git_wt_pwd = $PWD.Path
    $root = __git_wt_find_root
    if ($root -ceq $global:__git_wt_root) { return }
    try {
        # no argument where there is no root
        $asked = @('hook', '1') + @($root | Where-Object { $_ })
        if (__git_wt_apply (__git_wt_ask $asked)) { $global:__git_wt_root = $root }
    } catch {
        # a git-wt that cannot be started changes nothing
        return
    }
}

# ---- prompt

# The worktree's name, its branch where that is another word, its port, and a * where its environment has drifted; nothing
# outside. GIT_WT_LABEL is the same, for prompts that are programs.
function global:__git_wt_ps1 {
    $name = $env:GIT_WT_NAME
    if (-not $name) {
        $env:GIT_WT_LABEL = $null
        return ''
    }
    $head = ''
    if ($env:GIT_WT_HEAD -and [IO.File]::Exists($env:GIT_WT_HEAD)) {
        $head = [IO.File]::ReadAllText($env:GIT_WT_HEAD).Split("`n")[0]
    }
    $branch = $head -creplace '^ref: refs/heads/', ''
    $label = if ($head -cmatch '^[0-9a-f]{7,}\z') {
        "$name $($head.Substring(0, 7))"
    } elseif (@($head, '.invalid', $name) -ccontains $branch) {
        # .invalid is the stand-in where references are in reftables
        $name
    } else {
        "$name $branch"
    }
    if ($env:GIT_WT_PORT -and $env:GIT_WT_PROMPT -cne 'short') { $label += " :$env:GIT_WT_PORT" }
    if ($env:GIT_WT_DRIFT) { $label += ' *' }
    # a hostile name must not move the cursor, nor the text around it
    $env:GIT_WT_LABEL = $label -replace '[\p{C}\p{Zl}\p{Zp}]', '?'
    $label = "($env:GIT_WT_LABEL)"
    if ($env:GIT_WT_PROTECTED) { $label = "`e[1;31m$label`e[0m" }
    "$label "
}

# loaded twice, hooked once
if (-not (Test-Path Variable:global:__git_wt_user_prompt)) {
    $global:__git_wt_user_prompt = $function:prompt
    $global:__git_wt_pwd = ''
    # a state inherited from another shell is looked at once
    $global:__git_wt_root = if ($env:GIT_WT_STATE) { '?' } else { '' }

    # Starts no process while the directory stays.
    function global:prompt {
        $fine = $?
        if ($PWD.Path -cne $global:__git_wt_pwd) { __git_wt_enter }
        $label = if ($env:GIT_WT_PROMPT -ceq 'off') { '' } else { __git_wt_ps1 }
        # the prompt of the user's sees what became of the last command
        if (-not $fine) { Write-Error '' -ErrorAction Ignore }
        "$label$(& $global:__git_wt_user_prompt)"
    }
}

# ---- completion

# Offer what git-wt knows for the words of a command line, up to the cursor.
function global:__git_wt_complete {
    param([string] $Current, [Management.Automation.Language.CommandAst] $Line, [int] $Cursor)
    $words = @($Line.CommandElements | Where-Object { $_.Extent.EndOffset -lt $Cursor } | ForEach-Object {
        if ($_ -is [Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text }
    })
    $skip = 1
    if ($words.Count -gt 0 -and $words[0] -ceq 'git') {
        if ($words.Count -lt 2 -or $words[1] -cne 'wt') { return }
        $skip = 2
    }
    # an open quote is no part of the word
    $words = @($words | Select-Object -Skip $skip) + @($Current -replace '^[''"]', '')
    $variables = @{ GIT_WT_COMPLETE = 'raw'; GIT_WT_COMPLETE_INDEX = "$($words.Count)" }
    $lines = (__git_wt_ask (@('--', 'git-wt') + $words) $variables).Split("`n")
    foreach ($found in $lines | Where-Object { $_ }) {
        $value, $help = $found.Split("`t", 2)
        $text = $value
        if ($value -cnotmatch '^[\w/.-][\w/.:@=+-]*\z') {
            $inside = [Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent($value)
            $text = "'$inside'"
        }
        $tip = if ($help) { $help } else { $value }
        [Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $tip)
    }
}

# Complete for commands of these names. For git, whose completion of another making it replaces, it is yours to call:
#   __git_wt_complete_for git
function global:__git_wt_complete_for {
    param([string[]] $Names)
    Register-ArgumentCompleter -Native -CommandName $Names -ScriptBlock {
        param($wordToComplete, $commandAst, $cursorPosition)
        __git_wt_complete $wordToComplete $commandAst $cursorPosition
    }
}
__git_wt_complete_for git-wt
