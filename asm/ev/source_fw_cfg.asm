; Boot variables from QEMU's fw_cfg: the file opt/romgen/ev (QEMU docs/specs/fw_cfg).
%include "romgen.inc"
%include "ev.inc"

FW_CFG_FILES_MAX equ 1024       ; a directory with more entries is garbage: QEMU has some dozens

extern scratch

TABLE evsrc, 10
        dw      ev_source_fw_cfg, ev_fw_cfg_message

INITCODE ev
;---------------------------------------------------------------------------
; ev_source_fw_cfg - the text from fw_cfg, if there is one
; in:       DI = room for EV_TEXT_MAX bytes in DS
; out:      CF = 0, CX = length; CF = 1, AX = 0: not here, or error number
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_source_fw_cfg:
        push    ds
        pop     es
        mov     bp, di
        mov     ax, FW_CFG_SIGNATURE
        call    ev_fw_cfg_select
        mov     eax, [bp]
        cmp     eax, 'QEMU'             ; without fw_cfg (Bochs, a real machine) the port reads FFh
        jne     .absent
        mov     ax, FW_CFG_FILE_DIR
        call    ev_fw_cfg_select
        mov     eax, [bp]
        BSWAP   eax
        test    eax, eax
        jz      .absent
        cmp     eax, FW_CFG_FILES_MAX
        ja      .absent
        xchg    bx, ax                  ; BX = entries
.entry:
        mov     di, bp
        mov     cx, fw_cfg_file_size
        rep insb
        push    es
        push    cs
        pop     es
        mov     di, ev_fw_cfg_name
        lea     si, [bp + fw_cfg_file.name]
        mov     cx, ev_fw_cfg_name.end - ev_fw_cfg_name
        repe cmpsb
        pop     es
        je      .found
        dec     bx
        jnz     .entry
.absent:
        xor     ax, ax
        stc
        ret
.found:
        mov     ecx, [bp + fw_cfg_file.size]
        BSWAP   ecx
        cmp     ecx, EV_TEXT_MAX
        ja      .too_long
        mov     ax, [bp + fw_cfg_file.select]
        xchg    al, ah
        mov     dx, FW_CFG_SELECTOR
        out     dx, ax
        inc     dx
        mov     di, bp
        push    cx
        rep insb
        pop     cx
        clc
        ret
.too_long:
        FAIL    EV_TEXT_LONG

;---------------------------------------------------------------------------
; ev_fw_cfg_select - choose an item and read its first dword
; in:       AX = key, BP = room in DS
; out:      the dword at BP, DX = port of the data
; clobbers: CX, DX, DI, flags
; needs:    DS = ES = DGROUP
;---------------------------------------------------------------------------
ev_fw_cfg_select:
        mov     dx, FW_CFG_SELECTOR
        out     dx, ax
        mov     dx, FW_CFG_DATA
        mov     di, bp
        mov     cx, 4
        rep insb
        ret

INITDATA ev
ev_fw_cfg_name: db "opt/romgen/ev", 0
.end:
MSG ev_fw_cfg_message, "Boot variables: fw_cfg opt/romgen/ev", CRLF
